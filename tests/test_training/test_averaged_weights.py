"""The shipped training keeps averaged weights, and these are what is published."""
import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from dive_mmdet.checkpoints.publishing import publish

CONFIG = Path(__file__).resolve().parents[2] / 'configs/generator/layout_box-channels_digit-scenes.py'
MOMENTUM, GAMMA, ITERATIONS = 0.1, 2, 4


class Recorder(Hook):
    """Weights after every iteration."""

    def __init__(self):
        self.seen = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.seen.append({name: value.detach().clone() for name, value in runner.model.named_parameters()})


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Four iterations of the shipped config on one layer: the work dir, and the weights of each."""
    folder = tmp_path_factory.mktemp('training')
    config = Config.fromfile(CONFIG)
    config.model.backbone.denoiser.num_layers = 1
    config.model.backbone.compile, config.model.precision = False, 'float32'
    config.train_dataloader.batch_size = 2
    config.train_cfg.update(max_iters=ITERATIONS, val_interval=100)
    config.custom_hooks[0].update(momentum=MOMENTUM, gamma=GAMMA)
    config.default_hooks.checkpoint.interval = ITERATIONS
    config.val_dataloader = config.val_cfg = config.val_evaluator = None
    config.test_dataloader = config.test_cfg = config.test_evaluator = None
    config.work_dir, config.log_level = str(folder), 'ERROR'
    runner, recorder = Runner.from_cfg(config), Recorder()
    runner.register_hook(recorder)
    runner.train()
    return folder, recorder.seen


def averaged_by_hand(seen):
    """The first weights, then an exponential average whose momentum falls from 1 to MOMENTUM over GAMMA steps."""
    average = dict(seen[0])
    for step, weights in enumerate(seen[1:], start=1):
        momentum = (1 - MOMENTUM) * math.exp(-(1 + step) / GAMMA) + MOMENTUM
        average = {name: (1 - momentum) * average[name] + momentum * weights[name] for name in average}
    return average


def test_a_checkpoint_holds_averaged_and_last_weights(trained):
    folder, seen = trained
    checkpoint = torch.load(folder / f'iter_{ITERATIONS}.pth', weights_only=False)
    for name, value in averaged_by_hand(seen).items():
        torch.testing.assert_close(checkpoint['state_dict'][name], value, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(checkpoint['ema_state_dict'][f'module.{name}'], seen[-1][name])
    assert any(not torch.equal(checkpoint['state_dict'][name], seen[-1][name]) for name in seen[-1])


def test_the_averaged_weights_are_published(trained, tmp_path):
    folder, seen = trained
    publish(folder / f'iter_{ITERATIONS}.pth', tmp_path / 'weights.pth')
    published = torch.load(tmp_path / 'weights.pth', weights_only=True)['state_dict']
    average = averaged_by_hand(seen)
    assert set(published) == set(average)
    for name, value in average.items():
        torch.testing.assert_close(published[name], value, rtol=1e-4, atol=1e-6)
