"""Network evaluations a second of the shipped objective: float32, bfloat16, and both compiled, in one run.

    python benchmarks/evaluations_per_second.py [--scenes 32] [--seconds 20]

One evaluation is one scene under one layout on one pair of the bank; as many are computed at once as in a search. Quote
the ratios: seconds are the machine's.
"""
import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import dive_mmdet.threads  # noqa: F401  before torch

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import load_checkpoint
from torch import Tensor, nn

from dive_mmdet.datasets.digit_scenes import DigitSceneComposer

ROOT = Path(__file__).resolve().parent.parent


def shipped_detector(device: str = 'cpu', **backbone) -> nn.Module:
    """The detector of the digit scenes with its weights; `backbone` changes the generator's arguments."""
    config = Config.fromfile(ROOT / 'configs/dive/dive_digit-scenes.py')
    config.model.backbone.update(backbone)
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(config.model).eval()
    load_checkpoint(model, str(ROOT / 'weights/dive_digit_scenes.pth'), map_location='cpu')
    return model.to(device)


def digit_scenes(count: int) -> Tensor:
    """Validation scenes as the detector reads them, (count, 3, 64, 64) in 0 to 255."""
    composed = [DigitSceneComposer('val', seed=5).compose(index) for index in range(count)]
    return torch.stack([torch.from_numpy(image) for image, *_ in composed])[:, None].expand(-1, 3, -1, -1)


def rate(work: Callable[[], object], evaluations: int, seconds: float) -> float:
    """Evaluations a second of `work`, which makes `evaluations` a call.

    The median of the calls that fit into `seconds`, of three at least, after one that is not counted.
    """
    rates, start = [], None
    while len(rates) < 3 or time.perf_counter() - start < seconds:
        tick = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        if start is None:
            start = time.perf_counter()
        else:
            rates.append(evaluations / (time.perf_counter() - tick))
    return median(rates)


def evaluations_per_second(precision: str, compiled: bool, scenes: int, seconds: float) -> float:
    """Of the whole bank, for scenes under empty layouts."""
    model = shipped_detector(compile=compiled)
    model.likelihood.precision = precision
    latents = model.backbone.encode(digit_scenes(scenes) / 127.5 - 1)
    rows = model.backbone.embed(model.backbone.vocabulary.empty().repeat(scenes, 1))
    return rate(lambda: model.likelihood.errors(latents, rows, model.search.batch_size), scenes * len(model.likelihood),
                seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--scenes', type=int, default=32)
    parser.add_argument('--seconds', type=float, default=20.0, help='that each line is measured')
    args = parser.parse_args()
    base = None
    for precision, compiled in (('float32', False), ('float32', True), ('bfloat16', False), ('bfloat16', True)):
        found = evaluations_per_second(precision, compiled, args.scenes, args.seconds)
        base = base or found
        print(f'{precision}{", compiled" if compiled else ""}: {found:.0f} a second, {found / base:.2f} x', flush=True)


if __name__ == '__main__':
    main()
