"""Two images a class, and crops against averages made by hand."""
import cv2
import numpy as np
import pytest
from mmengine.registry import DATASETS, TRANSFORMS, DefaultScope

import dive_mmdet  # noqa: F401


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Three classes of one, two and four images."""
    root = tmp_path_factory.mktemp('imagenet')
    for name, count in (('n01', 1), ('n02', 2), ('n03', 4)):
        (root / 'val' / name).mkdir(parents=True)
        for index in range(count):
            cv2.imwrite(str(root / f'val/{name}/{name}_{index}.png'), np.full((10, 12, 3), index, np.uint8))
    return root


def test_the_first_two_of_every_class(root):
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        data = DATASETS.build(dict(type='dive_mmdet.ImageNetPerClass', per_class=2, data_root=str(root), split='val',
                                   metainfo=dict(classes=('a', 'b', 'c')), pipeline=[]))
    names = [data.get_data_info(index)['img_path'].split('/')[-1] for index in range(len(data))]
    assert names == ['n01_0.png', 'n02_0.png', 'n02_1.png', 'n03_0.png', 'n03_1.png']
    assert [data.get_data_info(index)['gt_label'] for index in range(5)] == [0, 1, 1, 2, 2]


def crop(image, size):
    return TRANSFORMS.build(dict(type='dive_mmdet.HalvingCenterCrop', size=size))(dict(img=image))


def test_large_images_are_halved_by_averages():
    """32 x 48 at size 8: halved twice, nothing is left to interpolate, and the middle 8 of 12 columns stay."""
    image = np.random.default_rng(0).integers(256, size=(32, 48, 3), dtype=np.uint8)
    found = crop(image, 8)
    halved = image.astype(float)
    for _ in range(2):
        halved = halved.reshape(len(halved) // 2, 2, -1, 2, 3).mean(axis=(1, 3))
    assert found['img_shape'] == (8, 8)
    assert np.abs(found['img'] - halved[:, 2:10]).max() <= 2  # rounded four times


@pytest.mark.parametrize('shape', [(8, 13), (15, 9), (7, 20), (31, 17)])
def test_every_shape_gives_the_middle_square(shape):
    """A ramp from edge to edge: its middle is the middle of what is left."""
    ramp = np.linspace(0, 255, max(shape)).astype(np.uint8)
    image = np.repeat((ramp[:, None] if shape[0] > shape[1] else ramp[None]), min(shape), axis=int(shape[0] > shape[1]))
    found = crop(np.repeat(image[..., None], 3, axis=2), 8)['img']
    assert found.shape == (8, 8, 3) and float(found.mean()) == pytest.approx(127.5, abs=12)
