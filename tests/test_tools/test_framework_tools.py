"""docs/framework_tools.md: every command on that page runs, and no tool of the frameworks is missing there."""
import contextlib
import json
import multiprocessing
import os
import pickle
import re
import runpy
import shlex
import sys
from importlib.util import find_spec
from multiprocessing.pool import ThreadPool
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib import pyplot
from mmdet.visualization import DetLocalVisualizer
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmpretrain.visualization import UniversalVisualizer
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from dive_mmdet.datasets import digit_scene_files

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / 'docs/framework_tools.md').read_text()
TOOLS = {framework: Path(find_spec(framework).submodule_search_locations[0]) / '.mim/tools'
         for framework in ('mmdet', 'mmpretrain')}
# Of the original mmdet seaborn's, of the fork matplotlib's, which have no name in common.
STYLE = 'dark' if 'seaborn' in (TOOLS['mmdet'] / 'analysis_tools/analyze_logs.py').read_text() else 'default'
RUNS = {name: (config, run) for name, config, run in
        re.findall(r'^\| ([\w -]+) \| (configs/\S+) \| (\w*)', PAGE, re.MULTILINE)}
SCENES, DIGITS = 4, 8
TESTED = {  # weights, and what makes it quick
    'DIVE': ('dive_digit_scenes', 'test_evaluator.outfile_prefix=dive model.inverter.max_nfe=400 '
             'model.objective.num_pairs=2'),
    'Faster R-CNN': ('faster_rcnn_digit_scenes', 'test_evaluator.outfile_prefix=faster_rcnn'),
    'classifier': ('dive_mnist_5k', f'test_dataloader.dataset.indices={DIGITS}'),
    'ResNet': ('resnet_mnist_5k', f'test_dataloader.dataset.indices={DIGITS}')}
SHORT = ('train_cfg.max_iters=2 train_cfg.val_interval=9 train_dataloader.batch_size=2 '
         'val_dataloader.dataset.indices=2 default_hooks.logger.interval=1')


def rows() -> list[tuple[str, str, str, str]]:
    """Framework, tool, whom a command is for, the command or a reason, and what it gives; a row may name no tool."""
    found, framework = [], None
    for line in PAGE.splitlines():
        framework = line.removeprefix('## ') if line.startswith('## ') else framework
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        if framework and len(cells) == 4 and cells[0] != 'tool' and '---' not in cells[0]:
            found.append((framework, *cells))
    return found


COMMANDS = [pytest.param(command.strip('`'), name, gives.strip('`'), id=f'{command.split()[1][1:]}-{name or "files"}')
            for _, _, names, command, gives in rows() if command.startswith('`python') for name in names.split(', ')]


def run(command: str, name: str = '') -> None:
    """A command of the page in this process."""
    config, files = RUNS.get(name, ('', ''))
    values = {'$CONFIG': config, '$RUN': files, '$STYLE': STYLE,
              **{f'${key.upper()}': str(path) for key, path in TOOLS.items()}}
    for key, value in values.items():
        command = command.replace(key, value)
    _, tool, *arguments = shlex.split(command)
    for kind in (DefaultScope, MMLogger, DetLocalVisualizer, UniversalVisualizer):  # left by the command before
        kind._instance_dict.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', [tool, *arguments])
        patch.setattr(sys, 'path', [str(Path(tool).parent), *sys.path])
        patch.setattr(multiprocessing, 'Pool', ThreadPool)  # 48 processes take longer than the work
        runpy.run_path(tool, run_name='__main__')
    pyplot.close('all')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A checkout with little data, and what tests and trainings leave there."""
    folder = tmp_path_factory.mktemp('checkout')
    for part in ('configs', 'weights', 'tools'):
        (folder / part).symlink_to(ROOT / part)
    digit_scene_files.make(folder / 'data/digit_scenes', {'val': ('val', 0, SCENES)}, {})
    (folder / 'data/coco/annotations').mkdir(parents=True)
    (folder / 'data/coco/annotations/instances_train2017.json').symlink_to(folder / 'data/digit_scenes/val.json')
    for number in range(1000):
        path = folder / f'data/imagenet/val/n{number:08d}/0.png'
        path.parent.mkdir(parents=True)
        path.symlink_to(folder / 'data/digit_scenes/val/000000.png')
    path.unlink()
    path.write_bytes(b'no image')
    with contextlib.chdir(folder):
        for name, (weights, options) in TESTED.items():
            run(f'python tools/test.py $CONFIG weights/{weights}.pth --work-dir work/$RUN --out $RUN.pkl '
                f'--cfg-options {options}', name)
        for name in ('Faster R-CNN', 'generator'):
            work_dir = f'work/training_{RUNS[name][1]}'
            run(f'python tools/train.py $CONFIG --work-dir {work_dir} --cfg-options {SHORT}', name)
            log, = Path(work_dir).glob('*/vis_data/2*.json')
            log.rename(f'{RUNS[name][1]}.json')
    return folder


@pytest.mark.parametrize('command, name, gives', COMMANDS)
def test_a_command_of_the_page_gives_what_the_page_says(folder, monkeypatch, capsys, command, name, gives):
    monkeypatch.chdir(folder)
    for path in folder.glob(gives):
        os.remove(path)
    run(command, name)
    assert any(folder.glob(gives)) or gives in capsys.readouterr().out


def test_the_page_has_every_tool_once():
    """Those of the families that are supported: an older one may lack some."""
    listed = [(framework, tool) for framework, tool, *_ in rows() if tool]
    there = {(framework, path.relative_to(root).as_posix()) for framework, root in TOOLS.items()
             for part in ('analysis_tools', 'misc') for path in (root / part).rglob('*.py')}
    assert len(set(listed)) == len(listed) and there <= set(listed) and len(there) > 25


def test_mmdets_metric_is_that_of_pycocotools_on_the_json(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    run('python $MMDET/analysis_tools/eval_metric.py $CONFIG $RUN.pkl', 'Faster R-CNN')
    printed = float(re.search(r"'coco/bbox_mAP': ([\d.]+)", capsys.readouterr().out)[1])
    coco = COCO('data/digit_scenes/val.json')
    judge = COCOeval(coco, coco.loadRes('faster_rcnn.bbox.json'), 'bbox')
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    assert printed == pytest.approx(judge.stats[0], abs=1e-3) and printed > 0.5


def test_browsed_scenes_are_the_composed_ones(folder, monkeypatch):
    """Boxes are drawn, so pixels far from any are compared."""
    monkeypatch.chdir(folder)
    run('python $MMDET/analysis_tools/browse_dataset.py $CONFIG --not-show --output-dir browsed '
        '--cfg-options train_dataloader.dataset.num_scenes=2 train_dataloader.dataset.composer.split=val '
        'train_dataloader.dataset.composer.max_rotation=0.0 train_dataloader.dataset.composer.max_shear=0.0',
        'generator')
    assert sorted(path.name for path in Path('browsed').iterdir()) == ['000000.png', '000001.png']
    for name in ('000000.png', '000001.png'):
        drawn, scene = cv2.imread(f'browsed/{name}'), cv2.imread(f'data/digit_scenes/val/{name}')
        grey = np.ptp(drawn, axis=2) == 0
        assert drawn.shape == scene.shape and (drawn[grey] == scene[grey]).mean() > 0.9 > grey.mean()


def test_training_a_search_says_what_is_trained_instead(folder, monkeypatch):
    """The training data in its config is for tools to look at."""
    monkeypatch.chdir(folder)
    with pytest.raises(RuntimeError, match='has no loss: train the generator and the prior with their own configs'):
        run('python tools/train.py $CONFIG --work-dir work/none --cfg-options train_dataloader.batch_size=2', 'DIVE')


def test_judged_images_are_those_of_the_results(folder, monkeypatch):
    monkeypatch.chdir(folder)
    run('python $MMPRETRAIN/analysis_tools/analyze_results.py $CONFIG $RUN.pkl --out-dir each --topk 99', 'classifier')
    results = pickle.loads(Path('classifier.pkl').read_bytes())
    assert [sample['sample_idx'] for sample in results] == list(range(DIGITS))
    for part, wanted in (('success', True), ('fail', False)):
        right = {f'{index}.png' for index, sample in enumerate(results)
                 if (sample['pred_label'] == sample['gt_label']).all() == wanted}
        assert {path.name for path in Path(f'each/{part}').glob('*.png')} == right


def test_splits_are_parts_of_the_file(folder, monkeypatch):
    monkeypatch.chdir(folder)
    run('python $MMDET/misc/split_coco.py --data-root data/coco --out-dir halves --fold 1 --labeled-percent 50')
    parts = [json.loads(path.read_text()) for path in Path('halves').iterdir()]
    whole = json.loads(Path('data/digit_scenes/val.json').read_text())
    assert sorted(image['id'] for part in parts for image in part['images']) == list(range(SCENES))
    assert all(part['categories'] == whole['categories'] and part['info'] == {} for part in parts)
