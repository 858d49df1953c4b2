"""The command that asks about every class and side, on a tiny detector of random weights."""
import json
import sys

import pytest


def run(monkeypatch, *arguments):
    import check_objects
    monkeypatch.setattr(sys, 'argv', ['check_objects.py', *map(str, arguments)])
    check_objects.main()


def test_the_objective_of_the_config_is_asked(tiny_detector, tmp_path, monkeypatch, capsys):
    """Two images of one object each: ten classes and eight moves, by one step and by two, on three pairs."""
    out = tmp_path / 'check/objects.json'
    run(monkeypatch, tiny_detector / 'config.py', tiny_detector / 'weights.pth', '--images', 2, '--steps', 1, 2,
        '--out', out, '--cfg-options', 'model.objective.num_pairs=3')
    found, printed = json.loads(out.read_text()), capsys.readouterr().out
    assert (found['images'], found['objects'], found['evaluations']) == (2, 2, 2 * 3 * (10 + 16))
    assert 0 <= found['class_first'] <= 1 and set(found['sides']) == {'1', '2'}
    assert f'class first of 10: {found["class_first"]:.3f}' in printed and 'sides off by 2 noticed: ' in printed


def test_images_without_annotations_are_told(tiny_detector, monkeypatch):
    with pytest.raises(SystemExit, match='No image has an object to ask about'):
        run(monkeypatch, tiny_detector / 'config.py', tiny_detector / 'weights.pth', '--ann-file', 'none.json')
