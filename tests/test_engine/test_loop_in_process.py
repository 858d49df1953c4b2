"""The loop under a Runner in this process, with a model that waits instead of computing."""
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pytest
import store_overhead  # noqa: E402
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import VISBACKENDS
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from mmengine.visualization import BaseVisBackend

IMAGES = 6
CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


@VISBACKENDS.register_module()
class Memory(BaseVisBackend):
    """Stands for TensorBoard's or W&B's."""
    scalars: list = []

    experiment = None

    def _init_env(self):
        pass

    def add_scalars(self, scalar_dict, step=0, file_path=None, **kwargs):
        self.scalars.append((step, dict(scalar_dict)))


class Breaking(store_overhead.Waiting):
    """Some images break it."""

    def __init__(self, breaks=()):
        super().__init__(0.0)
        self.breaks, self.calls = breaks, []

    def forward(self, inputs, data_samples, mode):
        self.calls += [sample.img_id for sample in data_samples]
        if set(self.breaks) & set(self.calls[-len(data_samples):]):
            raise IndexError('no such thing')
        return super().forward(inputs, data_samples, mode)


def run(folder, model=None, backend='Memory', **settings):
    """Metrics and model of one test."""
    model = model or Breaking()
    name = f'{folder.name}_{len(list(folder.glob("*")))}'
    runner = Runner(model, str(folder), experiment_name=name, default_scope='mmengine', test_dataloader=dict(
        batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(type='Numbers', images=IMAGES)), test_evaluator=store_overhead.Count(),
        visualizer=dict(type='Visualizer', name=name, vis_backends=[dict(type=backend, save_dir=str(folder))]),
        test_cfg=dict(type='dive_mmdet.ResumableTestLoop', **settings))
    return runner.test(), model


@pytest.fixture(autouse=True)
def empty_memory():
    Memory.scalars.clear()


def test_scalars_reach_the_backends_after_every_batch_and_at_the_end(tmp_path):
    assert run(tmp_path)[0] == dict(images=IMAGES)
    steps = [(step, scalars) for step, scalars in Memory.scalars if 'test/images' in scalars]
    assert [(step, scalars['test/images']) for step, scalars in steps] == [(2, 2), (4, 4), (6, 6)]
    assert steps[-1][1]['test/nfe_per_image'] == 4600 and steps[-1][1]['test/seconds_per_image'] > 0
    assert Memory.scalars[-1] == (6, dict(images=IMAGES))


@pytest.mark.parametrize('backend', ['TensorboardVisBackend', 'WandbVisBackend'])
def test_the_frameworks_backends_pass_them_on(tmp_path, monkeypatch, backend):
    """Their packages need not be installed: what they are called with is what counts."""
    written = {}
    tensorboard, wandb = ModuleType('torch.utils.tensorboard'), ModuleType('wandb')
    tensorboard.SummaryWriter = lambda folder: SimpleNamespace(
        add_scalar=lambda name, value, step: written.setdefault(name, []).append(value),
        add_text=lambda *_, **__: None, close=lambda: None)
    wandb.init = lambda **_: SimpleNamespace()
    wandb.log = lambda scalars, **_: [written.setdefault(*pair).append(scalars[pair[0]])
                                      for pair in ((name, []) for name in scalars)]
    wandb.join = wandb.finish = lambda: None
    wandb.config = wandb.run = SimpleNamespace(update=lambda *_, **__: None, log_code=lambda *_, **__: None,
                                               _label=lambda **_: None)
    monkeypatch.setitem(sys.modules, 'torch.utils.tensorboard', tensorboard)
    monkeypatch.setitem(sys.modules, 'wandb', wandb)
    assert run(tmp_path, backend=backend)[0] == dict(images=IMAGES)
    assert written['test/images'] == [2, 4, 6] and written['test/nfe_per_image'] == [4600] * 3
    assert written['images'] == [IMAGES] and len(written['test/seconds_per_image']) == 3


def test_stored_images_skip_the_model_and_not_the_evaluator(tmp_path):
    run(tmp_path)
    metrics, model = run(tmp_path, resume=True)
    assert metrics == dict(images=IMAGES) and model.calls == []
    with pytest.raises(SystemExit, match='holds 6 finished images: go on with `.*python .*test_cfg.resume=True`, or'):
        run(tmp_path)


def test_what_is_missing_is_computed_and_a_torn_record_is_said(tmp_path):
    run(tmp_path)
    path = tmp_path / 'records/rank_0.jsonl'
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b''.join([*lines[:3], b'?' + lines[3][1:], *lines[4:-1], lines[-1][:-5]]))
    _, model = run(tmp_path, resume=True)
    log = ''.join(file.read_text() for file in tmp_path.rglob('*.log'))
    assert model.calls == [2, 5]
    assert f'The last record of {path} was cut off and is dropped: its image is computed again.' in log
    assert f'Damaged: the record at byte {len(b"".join(lines[:3]))} of rank_0.jsonl, of image 2, which is comp' in log
    _, model = run(tmp_path, resume=True)
    assert model.calls == []


def test_failures_are_recorded_listed_and_tried_again(tmp_path):
    model = Breaking(breaks=[3])
    with pytest.raises(SystemExit) as ended:
        run(tmp_path, model)
    assert ended.value.code == 3
    assert sorted(model.calls) == [0, 1, 2, 2, 3, 3, 4, 5]  # the two of one batch, each alone
    log = ''.join(file.read_text() for file in tmp_path.rglob('*.log'))
    assert 'image 3: no such thing' in log and '1 of 6 images failed and count as images without detections' in log
    assert Memory.scalars[-1] == (6, dict(images=IMAGES))  # evaluated all the same
    metrics, model = run(tmp_path, resume=True)
    assert metrics == dict(images=IMAGES) and model.calls == [3]


class Keeps(Hook):
    """Fills a dictionary with the metrics."""

    def __init__(self, metrics):
        self.metrics = metrics

    def after_test_epoch(self, runner, metrics=None):
        self.metrics.update(metrics)


class FindsTheTruth(BaseModel):
    """A detector that is right about every image it is shown."""

    def forward(self, inputs, data_samples, mode):
        for sample in data_samples:
            truth = sample.gt_instances
            sample.pred_instances = InstanceData(bboxes=truth.bboxes.tensor, labels=truth.labels,
                                                 scores=torch.ones(len(truth)))
        return data_samples


@pytest.mark.parametrize('evaluator, metric, expected', [
    (dict(type='mmdet.VOCMetric'), 'pascal_voc/mAP', 8 / 11),
    (dict(type='mmdet.CocoMetric', metric='bbox', ann_file='truth.json'), 'coco/bbox_mAP_50', 76 / 101),
    (dict(type='mmdet.CocoMetric', metric='bbox'), 'coco/bbox_mAP_50', 76 / 101)],
    ids=lambda value: value['type'] if isinstance(value, dict) else None)
@pytest.mark.parametrize('content, reason', [
    (b'no image', 'cannot be read'), (cv2.imencode('.png', np.zeros((48, 24)))[1].tobytes(), 'has 24 x 48 pixels')],
    ids=['unreadable', 'resized after labelling'])
def test_an_image_not_as_annotated_is_one_without_detections_to_every_evaluator(
        tiny_detector, tmp_path, evaluator, metric, expected, content, reason):
    """Three of four objects are found; COCO's precision is read at 101 recalls, VOC's at 11."""
    shutil.copytree(tiny_detector / 'images', tmp_path / 'images')
    truth = json.loads((tiny_detector / 'truth.json').read_text())
    truth['annotations'].append(dict(truth['annotations'][2], id=99, iscrowd=1))
    (tmp_path / 'truth.json').write_text(json.dumps(truth))
    (tmp_path / 'images/2.png').write_bytes(content)
    config = Config.fromfile(tiny_detector / 'config.py')
    dataset = config.test_dataloader.dataset
    dataset.data_root = str(tmp_path)
    dataset.pipeline[-1].meta_keys = (*dataset.pipeline[-1].meta_keys, 'instances')
    if 'ann_file' in evaluator:
        evaluator = dict(evaluator, ann_file=str(tmp_path / 'truth.json'))
    metrics = {}
    name = f'not_as_annotated_{tmp_path.name}'
    runner = Runner(FindsTheTruth(), str(tmp_path), experiment_name=name, default_scope='mmdet',
                    test_dataloader=config.test_dataloader, test_evaluator=evaluator,
                    test_cfg=dict(type='dive_mmdet.ResumableTestLoop'))
    runner.register_hook(Keeps(metrics))
    with pytest.raises(SystemExit) as ended:
        runner.test()
    assert ended.value.code == 3 and metrics[metric] == pytest.approx(expected, abs=1e-3)
    log = ''.join(file.read_text() for file in tmp_path.rglob('*.log'))
    assert f'image 2: Image {tmp_path}/images/2.png {reason}' in log and '1 of 4 images failed' in log


def test_on_error_raise(tmp_path):
    with pytest.raises(IndexError, match='no such thing'):
        run(tmp_path, Breaking(breaks=[3]), on_error='raise')
    _, model = run(tmp_path, resume=True)
    assert model.calls == [2, 3, 4, 5]


@pytest.mark.parametrize('path', [
    *(f'dive/{name}.py' for name in ('dive_digit-scenes', 'dive_gradient_digit-scenes', 'ablations/no-prior')),
    'dive/layout2img/dive_layout2img_coco.py', 'your_own_data/dive.py', 'dive_cls/dive_mnist-5k.py',
    'dive_cls/dit-xl-2_256_imagenet.py'])
def test_every_kind_of_search_is_tested_by_it_and_validation_stores_nothing(path):
    config = Config.fromfile(CONFIGS / path)
    assert config.test_cfg == dict(type='dive_mmdet.ResumableTestLoop')
    assert (config.get('val_cfg') or dict(type='ValLoop')) == dict(type='ValLoop')
    assert config.model_wrapper_cfg.type == 'MMSeparateDistributedDataParallel'  # DDP refuses a model without training


def test_settings_are_checked(tmp_path):
    with pytest.raises(ValueError, match="Unknown on_error 'ignore': use record or raise."):
        run(tmp_path, on_error='ignore')
    with pytest.raises(TypeError, match='resum'):
        run(tmp_path, resum=True)
    for name in ('sync_seconds', 'log_seconds'):
        with pytest.raises(ValueError, match=f'{name} is -1: give'):
            run(tmp_path, **{name: -1})
