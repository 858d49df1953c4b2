"""The ceiling on boxes whose way through the grid a person can follow."""
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ceiling(tmp_path, capsys, monkeypatch):
    """Runs the tool on images of 200 x 100 pixels."""
    monkeypatch.syspath_prepend(ROOT / 'tools/analysis_tools')
    import reachable_ceiling

    def run(boxes, *options):
        annotations = [dict(id=index, image_id=1, category_id=1, iscrowd=0, bbox=box, area=box[2] * box[3])
                       for index, box in enumerate(boxes, start=1)]
        path = tmp_path / 'truth.json'
        path.write_text(json.dumps(dict(images=[dict(id=1, file_name='a.png', width=200, height=100)],
                                        annotations=annotations, categories=[dict(id=1, name='thing')])))
        monkeypatch.setattr(sys, 'argv', ['ceiling', str(path), *map(str, options)])
        reachable_ceiling.main()
        said = capsys.readouterr().out
        return json.loads(said[said.rindex('{\n  "crop"'):])
    return run


def test_boxes_on_the_grid_lose_nothing(ceiling):
    found = ceiling([[0, 0, 20, 10], [100, 50, 60, 30]], '--grid', 11)
    assert found['held'] == 2 and found['bbox_mAP'] == found['recall'] == 1 and found['mean_iou'] == dict(
        small=1.0, medium=1.0)


def test_a_box_is_rounded_to_the_steps_of_the_square(ceiling):
    """Steps of 20 and 10 pixels: 30 to 60 becomes 40 to 60, since half steps go to the even one."""
    found = ceiling([[30, 10, 30, 10]], '--grid', 11)
    assert found['mean_iou'] == dict(small=pytest.approx(2 / 3)) and found['recall'] == pytest.approx(0.4)


def test_what_rounds_to_nothing_and_what_has_no_slot_is_lost(ceiling):
    boxes = [[0, 0, 20, 10], [41, 1, 4, 4], [100, 0, 40, 40]]
    assert ceiling(boxes, '--grid', 11)['held'] == 2
    few = ceiling(boxes, '--grid', 11, '--num-objects', 1)
    assert few['held'] == 1 and few['mean_iou']['medium'] == 1 and few['mean_iou']['small'] == 0


def test_crops_lose_what_lies_outside_them(ceiling):
    """The centre square is x = 50 .. 150; the squares at both ends see everything, each its half."""
    boxes = [[0, 0, 40, 40], [80, 20, 40, 40], [140, 0, 20, 40]]
    centre, two = (ceiling(boxes, '--grid', 11, '--crop', crop) for crop in ('centre', 'two'))
    assert centre['held'] == 2 and centre['mean_iou']['small'] == pytest.approx(0.5)
    assert two['held'] == 3 and two['mean_iou']['medium'] == pytest.approx(0.75)
    assert two['mean_iou']['small'] == 1
