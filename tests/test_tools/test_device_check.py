"""What benchmarks/device.sh runs where there is a GPU: every part that a CPU can try."""
import subprocess
import time
from pathlib import Path

import pytest
from device import NETWORKS, build, generator_config
from device_train import InTime, lasting
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ('generator/layout_box-channels_digit-scenes.py', 'blood_cells/generator.py')


@pytest.mark.parametrize('name', NETWORKS)
def test_a_dry_run_has_every_network(name):
    generator = build(generator_config(NETWORKS[name], tiny=True), 'cpu')
    assert sum(weight.numel() for weight in generator.denoiser.parameters()) < 5e6
    assert all(bool(weight.any()) for weight in generator.denoiser.parameters())


@pytest.mark.parametrize('path', CONFIGS)
def test_a_training_that_lasts_otherwise_has_the_same_parts(path):
    config = Config.fromfile(ROOT / 'configs' / path)
    switch = next(hook for hook in config.custom_hooks if 'begin' in hook)
    part = switch.begin / config.train_cfg.max_iters
    found = lasting(config, 1000)
    warm_up, annealing = found.param_scheduler
    assert (warm_up.begin, warm_up.end, annealing.begin, annealing.end) == (0, 50, 50, 1000)
    assert [hook.begin for hook in found.custom_hooks if 'begin' in hook] == [round(1000 * part)]
    assert found.train_cfg.max_iters == 1000 and config.train_cfg.max_iters > 1000


def test_a_training_ends_at_its_deadline():
    class Runner:
        class train_loop:
            stop_training = False

    hook = InTime(time.perf_counter() + 60)
    hook.after_train_iter(Runner)
    assert not Runner.train_loop.stop_training
    hook.deadline = time.perf_counter()
    hook.after_train_iter(Runner)
    assert Runner.train_loop.stop_training and len(hook.ends) == 2


def test_an_unknown_option_is_refused():
    found = subprocess.run(['bash', 'benchmarks/device.sh', '--fast'], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 2 and found.stderr.startswith('There is no option --fast: use --train SECONDS')
