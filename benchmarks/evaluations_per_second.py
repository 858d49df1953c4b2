"""Network evaluations a second of the shipped objective: float32, bfloat16, and both compiled, in one run.

    python benchmarks/evaluations_per_second.py [--scenes 32] [--repeats 5]

One evaluation is one scene under one layout on one pair of the bank; as many are computed at once as in a search. Quote
the ratios: seconds are the machine's.
"""
import argparse
import time
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import load_checkpoint

from dive_mmdet.datasets.digit_scenes import DigitSceneComposer

ROOT = Path(__file__).resolve().parent.parent


def evaluations_per_second(precision: str, compiled: bool, scenes: int, repeats: int) -> float:
    """The median over repeats, after one that is not counted."""
    config = Config.fromfile(ROOT / 'configs/dive/dive_proposal_digit-scenes.py')
    config.model.backbone.compile = compiled
    config.model.objective.precision = precision
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(config.model).eval()
    load_checkpoint(model, str(ROOT / 'weights/dive_digit_scenes.pth'), map_location='cpu')
    composed = [DigitSceneComposer('val', seed=5).compose(index) for index in range(scenes)]
    images = torch.stack([torch.from_numpy(image) for image, *_ in composed])[:, None].expand(-1, 3, -1, -1)
    latents = model.backbone.encode((images / 127.5 - 1).float())
    rows = model.backbone.embed(model.backbone.vocabulary.empty().repeat(scenes, 1))
    rates = []
    for _ in range(repeats + 1):
        tick = time.perf_counter()
        model.likelihood.errors(latents, rows, model.search.batch_size)
        rates.append(scenes * len(model.likelihood) / (time.perf_counter() - tick))
    return sorted(rates[1:])[repeats // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--scenes', type=int, default=32)
    parser.add_argument('--repeats', type=int, default=5)
    args = parser.parse_args()
    base = None
    for precision, compiled in (('float32', False), ('float32', True), ('bfloat16', False), ('bfloat16', True)):
        rate = evaluations_per_second(precision, compiled, args.scenes, args.repeats)
        base = base or rate
        print(f'{precision}{", compiled" if compiled else ""}: {rate:.0f} a second, {rate / base:.2f} x', flush=True)


if __name__ == '__main__':
    main()
