"""The shipped baseline config, and the tool that publishes its weights."""
import contextlib
import io
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope

import dive_mmdet  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / 'configs/faster_rcnn/faster-rcnn_r18_digit-scenes.py'
WEIGHTS = ROOT / 'weights/faster_rcnn_digit_scenes.pth'
PUBLISH = ROOT / 'tools/misc/publish_weights.py'


@pytest.fixture(scope='module')
def built():
    """The config, its model and its training set."""
    from mmdet.registry import DATASETS, MODELS
    cfg = Config.fromfile(CONFIG)
    with DefaultScope.overwrite_default_scope('mmdet'):
        yield cfg, MODELS.build(cfg.model), DATASETS.build(cfg.train_dataloader.dataset)


def test_it_is_small_and_trains_from_scratch(built):
    cfg, model, _ = built
    assert sum(parameter.numel() for parameter in model.parameters()) <= 6_000_000
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert cfg.model.backbone.frozen_stages == -1 and cfg.model.backbone.norm_eval is False
    assert 'init_cfg' not in cfg.model.backbone and cfg.load_from is None


def test_training_scenes_are_those_of_the_generator(built):
    generator = Config.fromfile(ROOT / 'configs/generator/layout_box-channels_digit-scenes.py')
    assert built[0].train_dataloader.dataset.composer == generator.train_dataloader.dataset.composer


def test_every_training_box_has_an_anchor_that_overlaps_it_well(built):
    cfg, model, dataset = built
    from mmdet.structures.bbox import bbox_overlaps
    generator = model.rpn_head.prior_generator
    sizes = [(cfg.input_size // stride,) * 2 for stride in cfg.strides]
    anchors = torch.cat(generator.grid_priors(sizes, device='cpu'))
    boxes = torch.cat([dataset[index]['data_samples'].gt_instances.bboxes.tensor for index in range(100)])
    best = bbox_overlaps(boxes, anchors).amax(1)
    assert best.min() > 0.3 and (best > 0.6).float().mean() > 0.9


def test_a_training_step_gives_finite_losses_and_gradients(built):
    _, model, dataset = built
    torch.manual_seed(0)
    model.train()
    data = model.data_preprocessor(pseudo_collate([dataset[0], dataset[1]]), training=True)
    loss, log = model.parse_losses(model(**data, mode='loss'))
    assert {'loss_rpn_cls', 'loss_rpn_bbox', 'loss_cls', 'loss_bbox'} <= set(log)
    assert all(torch.isfinite(value).all() for value in log.values())
    loss.backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters() if parameter.grad is not None)


def test_shipped_weights_are_plain_and_complete(built):
    _, model, dataset = built
    shipped = torch.load(WEIGHTS, weights_only=True)
    assert tuple(shipped['meta']['dataset_meta']['classes']) == dataset.metainfo['classes']
    model.load_state_dict(shipped['state_dict'])


def publish(*arguments) -> SimpleNamespace:
    """The tool in this process, which has imported everything: status, output and complaint."""
    out = io.StringIO()
    with patch.object(sys, 'argv', [str(PUBLISH), *map(str, arguments)]), contextlib.redirect_stdout(out):
        try:
            runpy.run_path(str(PUBLISH), run_name='__main__')
        except SystemExit as end:
            return SimpleNamespace(returncode=1, stdout=out.getvalue(), stderr=end.code)
    return SimpleNamespace(returncode=0, stdout=out.getvalue(), stderr='')


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    """What the Runner would write, in small."""
    state = {'backbone.weight': torch.linspace(-1, 1, 6).view(2, 3), 'backbone.bias': torch.full((2,), 1 / 3),
             'bn.num_batches_tracked': torch.tensor(70_000), 'head.weight': torch.eye(2)}
    path = tmp_path / 'iter_7.pth'
    torch.save(dict(state_dict=state, optimizer=dict(lr=1.0), message_hub=dict(a=1), ema_state_dict=state,
                    meta=dict(iter=7, experiment_name='tiny_20250102_030405', cfg='long text',
                              dataset_meta=dict(classes=('a', 'b'), palette=None))), path)
    return path


def test_published_weights_round_trip(checkpoint, tmp_path):
    done = publish(checkpoint, tmp_path / 'out' / 'tiny.pth')
    assert done.returncode == 0, done.stderr
    out = torch.load(tmp_path / 'out' / 'tiny.pth', weights_only=True)
    assert set(out) == {'state_dict', 'meta'} and 'sha256' in done.stdout
    assert out['meta'] == dict(dataset_meta=dict(classes=['a', 'b']), config='tiny', iter=7,
                               dive_mmdet_version=dive_mmdet.__version__)
    for name, tensor in torch.load(checkpoint)['state_dict'].items():
        assert torch.equal(out['state_dict'][name], tensor) and out['state_dict'][name].dtype == tensor.dtype
    assert not list((tmp_path / 'out').glob('*.partial'))


def test_half_leaves_vectors_and_integers_and_a_prefix_is_stripped(checkpoint, tmp_path):
    done = publish(checkpoint, tmp_path / 'tiny.pth', '--half', '--keep', 'backbone.', 'bn.', '--strip-prefix',
                   'backbone.')
    assert done.returncode == 0, done.stderr
    state = torch.load(tmp_path / 'tiny.pth', weights_only=True)['state_dict']
    assert {name: tensor.dtype for name, tensor in state.items()} == {
        'weight': torch.float16, 'bias': torch.float32, 'bn.num_batches_tracked': torch.int64}
    assert state['bn.num_batches_tracked'] == 70_000


@pytest.mark.parametrize('arguments, reason', [
    (('missing.pth', 'out.pth'), 'missing.pth is no file.'),
    (('iter_7.pth', 'out.pth', '--keep', 'neck.'), "No weight of this checkpoint is named 'neck....'."),
    ((Path(__file__), 'out.pth'), 'only weights are read'),
])
def test_publishing_refuses_in_one_sentence(checkpoint, tmp_path, arguments, reason):
    source, target, *options = arguments
    done = publish(tmp_path / source, tmp_path / target, *options)
    assert done.returncode == 1 and reason in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and done.stderr.startswith('Error: ')
    assert not (tmp_path / target).exists()
