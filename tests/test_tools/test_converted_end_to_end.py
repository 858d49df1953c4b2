"""From a public checkpoint to an AP: converted, assembled, tested by one process and by two.

The weights are random, so it is the way that is tested. Boxes begin as the whole image, which is every image's truth.
"""
import json
import os
import pickle
import re
import runpy
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.quick_search import QUICK
from mmengine.config import Config

ROOT = Path(__file__).parents[2]
DATA = ROOT / 'tests/data/ldm_layout2img'
CONFIG = ROOT / 'configs/dive/layout2img/dive_layout2img_coco-zero-shot.py'
TRAINING = ROOT / 'configs/generator/layout2img_coco.py'
TWO_CROPS = CONFIG.with_name(CONFIG.stem + '_two-crops.py')
CLASSES = ('spoon', 'cup', 'plate')
SEARCH = dict(QUICK, anchors=dict(scales=[1.0], ratios=[1.0], overlap=0.0), object_cost=-1.0, max_nfe=200)


def call(tool: str, *arguments) -> None:
    """A tool in this process: importing everything anew takes seconds."""
    path = ROOT / 'tools' / tool
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', [str(path), *map(str, arguments)])
        patch.syspath_prepend(path.parent)
        runpy.run_path(str(path), run_name='__main__')


def run(*command, **env) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True,
                          env={**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1', **env})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope='module')
def assembled(tmp_path_factory):
    """Config and checkpoint of a converted generator of 20 categories, three of which mean the data's classes."""
    root = tmp_path_factory.mktemp('converted')
    call('model_converters/ldm_to_dive.py', DATA / 'model.ckpt', DATA / 'config.yaml', root / 'generator.pth',
         '--num-classes', 20)
    write_data(root)
    config = Config.fromfile(CONFIG)
    generator = Config.fromfile(root / 'generator.py').generator
    config.model.backbone = dict(generator, channels_last=True, vocabulary=dict(
        generator.vocabulary, answers=[[7], [2, 11], [0]]))
    config.merge_from_dict(dict(model=dict(inverter=SEARCH, objective=dict(num_pairs=2, precision='float32'))))
    config.classes = CLASSES
    for loader in (config.val_dataloader, config.test_dataloader):
        loader.batch_size, loader.num_workers, loader.persistent_workers = 1, 0, False
        loader.dataset.update(data_root=str(root) + '/', ann_file='val.json', num_classes=3,
                              metainfo=dict(classes=CLASSES))
        loader.dataset.pipeline[1].scale = (32, 32)
    config.val_evaluator.ann_file = config.test_evaluator.ann_file = str(root / 'val.json')
    config.dump(root / 'config.py')
    call('misc/assemble.py', root / 'config.py', root / 'dive.pth', '--generator', root / 'generator.pth')
    return root


def write_data(root: Path) -> None:
    """Five images, so that two processes do not share them evenly."""
    (root / 'val2017').mkdir()
    random = np.random.default_rng(0)
    images, annotations = [], []
    for index in range(1, 6):
        cv2.imwrite(str(root / 'val2017' / f'{index}.png'), random.integers(0, 256, (40, 60, 3), dtype=np.uint8))
        images.append(dict(id=index, file_name=f'{index}.png', width=60, height=40))
        annotations.append(dict(id=index, image_id=index, category_id=10 + index % 3, bbox=[0, 0, 60, 40], area=2400,
                                iscrowd=0))
    categories = [dict(id=10 + label, name=name) for label, name in enumerate(CLASSES)]
    (root / 'val.json').write_text(json.dumps(dict(images=images, annotations=annotations, categories=categories)))


def predictions(path: Path) -> list[dict]:
    with path.open('rb') as file:
        return sorted(pickle.load(file), key=lambda found: found['img_id'])


def test_one_process_and_two_find_the_same(assembled):
    said = {}
    for count in (1, 2):
        command = [sys.executable, ROOT / 'tools/test.py'] if count == 1 else ['bash', ROOT / 'tools/dist_test.sh']
        said[count] = run(*command, assembled / 'config.py', assembled / 'dive.pth', *(() if count == 1 else (2,)),
                          '--work-dir', assembled / f'run{count}', '--out', assembled / f'{count}.pkl',
                          PYTHON=sys.executable, PORT='29517')
    one, two = predictions(assembled / '1.pkl'), predictions(assembled / '2.pkl')
    assert [found['img_id'] for found in one] == [found['img_id'] for found in two] == [1, 2, 3, 4, 5]
    for own, other in zip(one, two):
        for name in ('bboxes', 'scores', 'labels'):
            assert np.array_equal(own['pred_instances'][name], other['pred_instances'][name])
        assert len(own['pred_instances']['labels']) > 0 and set(own['pred_instances']['labels'].tolist()) <= {0, 1, 2}
    shares = [re.findall(r'Iter\(test\).*?/(\d+)\]', said[count])[-1] for count in (1, 2)]
    assert shares == ['5', '3']  # the busier of two processes has three images
    aps = [re.findall(r'coco/bbox_mAP: (\S+)', said[count])[-1] for count in (1, 2)]
    assert aps[0] == aps[1] and 0 < float(aps[0]) <= 1


def test_one_process_and_two_train_on_and_check_alike(assembled):
    """From the converted weights, by the config that trains on COCO; the steps are too small to be seen."""
    config, generator = Config.fromfile(TRAINING), Config.fromfile(assembled / 'generator.py').generator
    config.model.backbone = dict(generator, channels_last=True, checkpointing=True, vocabulary=dict(
        generator.vocabulary, answers=[[7], [2, 11], [0]]))
    config.load_from, config.optim_wrapper.optimizer.lr = str(assembled / 'generator.pth'), 1e-9
    config.train_cfg.update(max_iters=2, val_interval=2)
    for loader in (config.train_dataloader, config.val_dataloader):
        loader.batch_size, loader.num_workers, loader.persistent_workers = 2, 0, False
        loader.dataset.update(data_root=str(assembled) + '/', ann_file='val.json', num_classes=3, num_objects=3,
                              metainfo=dict(classes=CLASSES), data_prefix=dict(img='val2017/'))
        loader.dataset.pipeline[2].scale = (32, 32)
    config.val_dataloader.dataset.max_images = 4
    config.test_dataloader = config.val_dataloader
    config.dump(assembled / 'train.py')
    checks = []
    for count in (1, 2):
        command = [sys.executable, ROOT / 'tools/train.py', assembled / 'train.py'] if count == 1 else [
            'bash', ROOT / 'tools/dist_train.sh', assembled / 'train.py', 2]
        options = ['model_wrapper_cfg.type=MMDistributedDataParallel', 'model_wrapper_cfg.device_ids=None']
        said = run(*command, '--work-dir', assembled / f'train{count}', *(
            () if count == 1 else ('--cfg-options', *options)), PYTHON=sys.executable, PORT='29518')
        checks.append({name: float(value) for name, value in re.findall(r'(conditioning/\w+): (\S+)', said)})
    # A shuffled layout is that of a neighbour in the batch, and two processes have other batches; it counts as noticed.
    alike = [{name: value for name, value in check.items()
                  if 'shuffled' not in name and 'noticed' not in name} for check in checks]
    assert len(alike[0]) == 8 and alike[1] == pytest.approx(alike[0], abs=1e-3)


def test_two_crops_are_merged_in_the_whole_image(assembled):
    """By mmdet's test-time augmentation: squares of 40 pixels at both ends of 60."""
    config, shipped = Config.fromfile(assembled / 'config.py'), Config.fromfile(TWO_CROPS)
    config.tta_model, config.tta_pipeline = shipped.tta_model, shipped.tta_pipeline
    config.tta_pipeline[1].transforms[1][0].scale = (32, 32)
    config.test_dataloader.dataset.max_images = 2
    config.dump(assembled / 'two_crops.py')
    run(sys.executable, ROOT / 'tools/test.py', assembled / 'two_crops.py', assembled / 'dive.pth', '--tta',
        '--work-dir', assembled / 'crops', '--out', assembled / 'crops.pkl')
    found = predictions(assembled / 'crops.pkl')
    boxes = np.concatenate([each['pred_instances']['bboxes'].numpy() for each in found])
    assert [each['img_id'] for each in found] == [1, 2] and boxes.min() >= 0 and (boxes.max(axis=0) <= [
        60, 40, 60, 40]).all()
    assert (boxes[:, 2] <= 40).any() and (boxes[:, 0] >= 20).any() and ((boxes[:, 2] - boxes[:, 0]) <= 40).all()
