"""Images that another camera made are noticed, and the training's jitter makes them."""
import cv2
import numpy as np
import pytest

from dive_mmdet.datasets import JitterAppearance
from dive_mmdet.datasets.appearance import appearance_advice, appearance_of


class Images:
    """A data set of images in files."""

    def __init__(self, folder, images):
        folder.mkdir()
        self.paths = [str(folder / f'{index}.png') for index in range(len(images))]
        for path, image in zip(self.paths, images):
            cv2.imwrite(path, image)

    def __len__(self):
        return len(self.paths)

    def get_data_info(self, index):
        return dict(img_path=self.paths[index])


@pytest.fixture
def images():
    return [np.random.default_rng(index).integers(60, 180, (48, 48, 3), dtype=np.uint8) for index in range(3)]


def test_blurred_and_tinted_parts_are_told(images, tmp_path):
    tint = np.array([30, 0, 0], np.uint8)
    parts = dict(train=images, same=images[::-1], blurred=[cv2.GaussianBlur(image, (0, 0), 0.8) for image in images],
                 tinted=[image + tint for image in images])
    looks = {name: appearance_of(Images(tmp_path / name, part), 48) for name, part in parts.items()}
    blurred, tinted = appearance_advice(looks.pop('train'), looks)
    assert 'times as sharp as those of blurred' in blurred and 'set blur of `jitter`' in blurred
    assert 'differs by 30 grey values from that of tinted' in tinted


def test_jitter_leaves_boxes_and_stays_in_range(images):
    np.random.seed(0)
    boxes = np.array([[1.0, 2, 3, 4]])
    jitter = JitterAppearance(blur=1.0, colour=0.5)
    found = [jitter.transform(dict(img=images[0].copy(), gt_bboxes=boxes)) for _ in range(30)]
    assert all(result['gt_bboxes'] is boxes and result['img'].dtype == np.uint8 for result in found)
    assert all(result['img'].shape == images[0].shape for result in found)
    means = np.array([result['img'].mean(axis=(0, 1)) for result in found])
    spread = np.ptp(means, axis=0)
    assert (spread > 20).all() and (spread <= 2 * 64 * 0.5 + 20).all()
    assert np.ptp(means[:, 0] - means[:, 2]) > 20  # a cast, not brightness alone
    deviations = [result['img'].std() for result in found]
    assert min(deviations) < 0.6 * images[0].std() < images[0].std() < max(deviations)


def test_without_settings_nothing_changes(images):
    assert np.array_equal(JitterAppearance().transform(dict(img=images[0].copy()))['img'], images[0])
    for settings in (dict(blur=-1.0), dict(colour=1.0), dict(colour=-0.1)):
        with pytest.raises(ValueError, match='blur >= 0 and 0 <= colour < 1'):
            JitterAppearance(**settings)
