"""Image ids that are text through every tool that runs, judges or compares a detector."""
import json
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def named(tiny_detector, tmp_path_factory):
    """The tiny detector's images under names; what each tool prints, by tool and arguments."""
    root = tmp_path_factory.mktemp('named')
    content = json.loads((tiny_detector / 'truth.json').read_text())
    for image in content['images']:
        image['id'] = f'left/{image["id"]}'
    for annotation in content['annotations']:
        annotation['image_id'] = f'left/{annotation["image_id"]}'
    (root / 'truth.json').write_text(json.dumps(content))
    config = Config.fromfile(tiny_detector / 'config.py')
    config.test_dataloader.dataset.ann_file = config.test_evaluator.ann_file = str(root / 'truth.json')
    config.dump(str(root / 'config.py'))
    (root / 'weights.pth').write_bytes((tiny_detector / 'weights.pth').read_bytes())
    return root


def run(monkeypatch, capsys, tool: str, *arguments) -> str:
    monkeypatch.syspath_prepend(ROOT / 'tools' / Path(tool).parent)
    monkeypatch.setattr(sys, 'argv', [tool, *map(str, arguments)])
    try:
        __import__(Path(tool).name).main()
    except SystemExit as end:
        assert not end.code or isinstance(end.code, str), end.code
        return end.code or capsys.readouterr().out
    return capsys.readouterr().out


def test_every_tool_takes_them(named, monkeypatch, capsys):
    model, work_dir = (named / 'config.py', named / 'weights.pth'), named / 'run'
    assert 'bbox_mAP' in run(monkeypatch, capsys, 'analysis_tools/evaluate', *model, '--out', work_dir)
    assert '"images": 4' in run(monkeypatch, capsys, 'analysis_tools/search_quality', *model, '--work-dir', work_dir,
                                '--pairs', 2)
    # Random weights find nothing, which is said too.
    assert 'The second run has a bbox_mAP of 0' in run(monkeypatch, capsys, 'analysis_tools/compare',
                                                       named / 'truth.json', work_dir, work_dir)
    assert 'bbox_mAP' in run(monkeypatch, capsys, 'analysis_tools/random_boxes', model[0], '--seeds', 1)
    assert '4/4 images, finished' in run(monkeypatch, capsys, 'analysis_tools/watch_run', work_dir)
    assert 'objects' in run(monkeypatch, capsys, 'misc/calibrate', *model, '--ann-file', named / 'truth.json',
                            '--img-prefix', 'images/', '--work-dir', work_dir)
