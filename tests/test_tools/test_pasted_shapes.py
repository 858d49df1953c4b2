"""The colour data set: tight boxes, parts that share no background, the same bytes every time."""
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from dive_mmdet.datasets import pasted_shapes

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def shapes():
    return pasted_shapes


@pytest.fixture(scope='module')
def written(shapes, tmp_path_factory):
    """A small set, written twice."""
    parts = {name: (strip, seed, 6) for name, (strip, seed, _) in shapes.PARTS.items()}
    folders = [tmp_path_factory.mktemp('shapes') for _ in range(2)]
    digests = [shapes.make(folder, parts) for folder in folders]
    return folders, digests


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def test_the_same_call_writes_the_same_bytes(written):
    (one, other), digests = written
    assert files(one) == files(other) and digests[0] == digests[1]
    assert len(files(one)) == 3 * 6 + 3


def test_boxes_are_the_extents_of_what_was_pasted(shapes):
    for seed in range(20):
        image = np.zeros((shapes.HEIGHT, shapes.WIDTH, 3), np.uint8)
        boxes, labels = shapes.paste(image, np.random.default_rng(seed))
        ink, covered = image.any(axis=2), np.zeros(image.shape[:2], int)
        assert shapes.MIN_OBJECTS <= len(boxes) == len(labels) <= shapes.MAX_OBJECTS
        for x0, y0, x1, y1 in boxes:
            inside = ink[y0:y1, x0:x1]
            assert inside.shape == (y1 - y0, x1 - x0)
            assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()
            covered[y0:y1, x0:x1] += 1
        assert covered.max() == 1 and not ink[covered == 0].any()


def test_discs_and_triangles_cover_different_parts_of_their_boxes(shapes):
    rng = np.random.default_rng(0)
    covered = [np.mean([shapes.stamp(label, rng).mean() for _ in range(100)]) for label in range(2)]
    assert covered == pytest.approx([np.pi / 4, 0.5], abs=0.06)


def test_parts_share_no_pixel_of_a_photograph(shapes, monkeypatch):
    strips = sorted(strip for strip, *_ in shapes.PARTS.values())
    assert all(left[1] <= right[0] for left, right in zip(strips, strips[1:]))
    columns = np.broadcast_to(np.arange(451)[None, :, None], (300, 451, 3))
    monkeypatch.setattr(shapes, 'photographs', lambda: [columns] * len(shapes.PHOTOGRAPHS))
    for strip, *_ in shapes.PARTS.values():
        seen = np.stack([shapes.background(strip, np.random.default_rng(seed)) for seed in range(100)])
        assert seen.shape[1:3] == (shapes.HEIGHT, shapes.WIDTH)
        assert int(strip[0] * 451) <= seen.min() and seen.max() < int(strip[1] * 451)


def test_annotations_belong_to_the_images(shapes, written):
    folder = written[0][0]
    for name in shapes.PARTS:
        content = json.loads((folder / f'{name}.json').read_text())
        assert [category['name'] for category in content['categories']] == list(shapes.CLASSES)
        for image in content['images']:
            pixels = cv2.imread(str(folder / name / image['file_name']))
            assert pixels.shape == (image['height'], image['width'], 3)
            boxes = [a['bbox'] for a in content['annotations'] if a['image_id'] == image['id']]
            assert 10 <= len(boxes) <= 30
            for x, y, width, height in boxes:
                assert 0 <= x < x + width <= image['width'] and 0 <= y < y + height <= image['height']


def test_without_scikit_image_the_sentence_names_it(shapes, monkeypatch):
    shapes.photographs.cache_clear()
    monkeypatch.setattr(shapes.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(FileNotFoundError, match='pip install scikit-image'):
        shapes.photographs()
    shapes.photographs.cache_clear()
