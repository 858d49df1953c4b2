"""A training that fills a GPU and ends in time: large batches in bfloat16, as long as the seconds allow.

    python benchmarks/device_train.py CONFIG OUT --seconds 300 [--images 128] [--noises 16] [--workers 5] [--lr 2e-3] \
        [--cfg-options KEY=VALUE ...]

CONFIG is that of a generator. A first run of a few steps compiles the network and tells how long a step takes; the
second one has as many steps as fit, and the config's schedule stretched to them. Where other work slows it down, it
ends in time all the same. The averaged weights go to OUT in half precision, with a line about the training beside them
(OUT with .json).
"""
import argparse
import json
import math
import sys
import tempfile
import time
from copy import deepcopy
from operator import sub
from pathlib import Path
from statistics import median

import dive_mmdet.threads  # noqa: F401  before torch

import torch
from mmengine.config import Config, DictAction
from mmengine.hooks import Hook
from mmengine.runner import Runner

from dive_mmdet.checkpoints.publishing import publish
from dive_mmdet.engine.configured import load_config

FIRST_STEPS, SETTLED = 40, 15  # of the first run: in all, and after how many their time counts
RESERVE = 30.0  # seconds for the second start, the check at the end and the weights


def lasting(config: Config, steps: int) -> Config:
    """The same training in so many steps, a twentieth of them to warm up, checked at its end alone."""
    config = deepcopy(config)
    warm_up, annealing = config.param_scheduler
    warm_up.end = annealing.begin = max(1, steps // 20)
    annealing.end = steps
    for hook in config.custom_hooks:
        if 'begin' in hook:
            hook.begin = round(hook.begin * steps / config.train_cfg.max_iters)
    config.train_cfg.update(max_iters=steps, val_interval=steps)
    config.default_hooks.checkpoint.update(interval=-1, save_best=None)
    return config


class InTime(Hook):
    """Keeps the time of every step, and stops at a deadline of `time.perf_counter`."""

    def __init__(self, deadline: float):
        self.deadline, self.ends = deadline, []

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        self.ends.append(time.perf_counter())
        runner.train_loop.stop_training = self.ends[-1] > self.deadline

    def seconds_per_step(self) -> float:
        """The median once the steps have settled."""
        return median(map(sub, self.ends[SETTLED + 1:], self.ends[SETTLED:]))


def trained(config: Config, steps: int, folder: str, deadline: float = math.inf, check: bool = True) -> InTime:
    """Train and leave the averaged weights in FOLDER/last.pth; returns when the steps ended."""
    config = lasting(config, steps)
    config.work_dir = folder
    if not check:
        config.update(dict.fromkeys(('val_cfg', 'val_dataloader', 'val_evaluator')))
        del config.train_cfg.val_interval
    runner, hook = Runner.from_cfg(config), InTime(deadline)
    runner.register_hook(hook)
    runner.train()
    runner.save_checkpoint(folder, 'last.pth', save_optimizer=False, save_param_scheduler=False)
    return hook


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    parser.add_argument('out', type=Path)
    parser.add_argument('--seconds', type=float, default=300)
    parser.add_argument('--images', type=int, default=128, help='of a step')
    parser.add_argument('--noises', type=int, default=16, help='of an image in a step')
    parser.add_argument('--workers', type=int, default=5, help='processes that read images')
    parser.add_argument('--lr', type=float, default=2e-3)
    parser.add_argument('--first-steps', type=int, default=FIRST_STEPS)
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={}, help='KEY=VALUE of the config')
    args = parser.parse_args()
    begin = time.perf_counter()
    options = {
        'train_dataloader.batch_size': args.images, 'train_dataloader.num_workers': args.workers,
        'train_dataloader.persistent_workers': args.workers > 0, 'model.loss.noises': args.noises,
        'model.precision': 'bfloat16', 'model.backbone.compile': torch.cuda.is_available(),
        'optim_wrapper.optimizer.lr': args.lr, **args.cfg_options}
    try:
        config = load_config(args.config, options)
    except (FileNotFoundError, KeyError) as error:
        sys.exit(error.args[0])
    with tempfile.TemporaryDirectory() as folder:
        step = trained(config, args.first_steps, f'{folder}/first', check=False).seconds_per_step()
        left = args.seconds - RESERVE - (time.perf_counter() - begin)
        steps = max(args.first_steps, int(left / step))
        print(f'{args.config}: {step:.4f} s a step, {steps} steps in the {left:.0f} s that are left', flush=True)
        done = len(trained(config, steps, folder, time.perf_counter() + left).ends)
        publish(Path(folder) / 'last.pth', args.out, half=True)
        scalars = [json.loads(line) for path in Path(folder).glob('*/vis_data/scalars.json')
                   for line in path.read_text().splitlines()]
    told = dict(config=args.config, steps=done, of=steps, images=args.images, noises=args.noises, lr=args.lr,
                seconds=round(time.perf_counter() - begin, 1), seconds_per_step=step,
                loss=next((row['loss'] for row in reversed(scalars) if 'loss' in row), None),
                **{key: value for row in scalars[-1:] for key, value in row.items() if key.startswith('conditioning/')})
    args.out.with_suffix('.json').write_text(json.dumps(told, indent=2) + '\n')
    print(json.dumps(told), flush=True)


if __name__ == '__main__':
    main()
