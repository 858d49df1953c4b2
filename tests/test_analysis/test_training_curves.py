"""Minutes added up by hand from the Runner's lines."""
import json

import cv2
import pytest

from dive_mmdet.analysis.training_curves import curve, draw


def write(work_dir, run: str, *lines: dict) -> None:
    (work_dir / run / 'vis_data').mkdir(parents=True)
    (work_dir / run / 'vis_data/scalars.json').write_text('\n'.join(map(json.dumps, lines)) + '\n')


def step(number: int, seconds: float) -> dict:
    return dict(loss=1.0, time=seconds, iter=number, step=number)


def test_minutes_are_those_of_the_steps(tmp_path):
    """50 steps of 6 s, 50 of 3 s, and after the resume 50 of 12 s; the second check came 20 steps after a line."""
    write(tmp_path, '1', step(50, 6.0), {'a/rate': 0.25, 'step': 50}, step(100, 3.0))
    write(tmp_path, '2', {'a/rate': 0.5, 'step': 120}, step(150, 12.0))
    assert curve(tmp_path, 'a/rate') == ([5.0, 5.0 + 2.5 + 4.0], [25.0, 50.0])
    with pytest.raises(ValueError, match='has no b/rate: it has a/rate'):
        curve(tmp_path, 'b/rate')
    with pytest.raises(FileNotFoundError, match='has no .*scalars.json'):
        curve(tmp_path / '1', 'a/rate')


def test_a_picture_is_drawn(tmp_path):
    draw(dict(one=([1.0, 2.0], [20.0, 60.0])), tmp_path / 'sub/out.png')
    assert cv2.imread(str(tmp_path / 'sub/out.png')) is not None
