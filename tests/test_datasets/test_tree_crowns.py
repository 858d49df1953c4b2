"""Tiles of a made-up package: every crown where it is, no pixel in two parts."""
import json

import cv2
import numpy as np
import pytest

from dive_mmdet.datasets import tree_crowns
from dive_mmdet.datasets.tree_crowns import PARTS, TILE, Part, make, tiles


def test_crowns_are_cut_with_their_tiles_and_left_out_where_little_is_left():
    image = np.arange(20 * 30 * 3, dtype=np.uint16).reshape(20, 30, 3)
    # Inside the first tile; two thirds in the first; a quarter in the first; nothing but a strip in the second.
    boxes = np.array([[1, 2, 9, 9], [3, 0, 12, 8], [0, 4, 8, 20], [9, 0, 14, 9]])
    found = list(tiles(image, boxes, 10, 10))
    assert len(found) == 2 * 3
    first, second = found[:2]
    assert np.array_equal(first[0], image[:10, :10]) and np.array_equal(second[0], image[:10, 10:20])
    assert first[1] == [[1, 2, 9, 9], [3, 0, 10, 8], [0, 4, 8, 10]] and first[2] == [0, 0, 0]
    assert second[1] == []
    assert found[3][1] == [[0, 0, 8, 10]]


def test_a_quarter_of_a_crown_is_none():
    boxes = np.array([[0, 0, 40, 10], [20, 0, 50, 10]])
    image = np.zeros((10, 60, 3), np.uint8)
    assert [tile[1] for tile in tiles(image, boxes, 10, 10)][:3] == [[], [], [[0, 0, 10, 10]]]


def strip(part: Part, width: int) -> tuple[str, range]:
    left, right, _ = slice(*part.columns).indices(width)
    return part.stem, range(left, right)


def test_parts_share_no_pixel():
    strips = [strip(part, 1249) for part in PARTS.values()]
    for index, (stem, columns) in enumerate(strips):
        for other, others in strips[:index]:
            assert stem != other or not set(columns) & set(others)
    assert all(len(columns) >= 3 * TILE for _, columns in strips)


@pytest.fixture
def package(tmp_path):
    """A photograph of 300 x 130 pixels with three crowns."""
    folder = tmp_path / 'deepforest/data'
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / 'site.png'), np.random.default_rng(0).integers(0, 256, (130, 300, 3), dtype=np.uint8))
    crowns = ''.join(f'<object><name>Alive</name><bndbox><xmin>{x}</xmin><ymin>20</ymin><xmax>{x + 30}</xmax>'
                     f'<ymax>50</ymax></bndbox></object>' for x in (10, 180, 260))
    (folder / 'site.xml').write_text(f'<annotation><filename>site.tif</filename><size><width>300</width><height>130'
                                     f'</height></size>{crowns}</annotation>')
    return folder


def test_files_hold_the_strips_of_the_photograph(package, tmp_path):
    parts = dict(left=Part('site', (0, 128)), right=Part('site', (-128, None)))
    digests = [make(tmp_path / name, parts, package) for name in ('one', 'two')]
    assert digests[0] == digests[1]
    image = cv2.imread(str(package / 'site.png'))
    for name, left, crowns in (('left', 0, [[10, 20, 30, 30]]), ('right', 172, [[8, 20, 30, 30], [88, 20, 30, 30]])):
        content = json.loads((tmp_path / f'one/{name}.json').read_text())
        assert [a['bbox'] for a in content['annotations']] == crowns
        assert np.array_equal(cv2.imread(str(tmp_path / 'one' / name / '000000.png')), image[:128, left:left + 128])


def test_without_the_package_the_sentence_names_it(monkeypatch, tmp_path):
    monkeypatch.setattr(tree_crowns.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(FileNotFoundError, match='pip install --no-deps deepforest==2.1.0'):
        make(tmp_path)
