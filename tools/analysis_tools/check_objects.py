"""Does a generator notice one wrong class or one wrong side? What a search can find at best.

    python tools/analysis_tools/check_objects.py CONFIG CHECKPOINT [--images 100] [--steps 1 2 4] [--batch-size 256] \
        [--out work_dirs/check_objects.json] [--windows]

CONFIG is a DIVE config, whose objective is asked, or the config of a generator, whose conditioning check's is. Of every
object of the annotated images all classes are tried, and each of its four sides moved in and out by each of STEPS
grid steps, everything else true. Prints, and writes to OUT, the share of objects whose true class has the lowest energy
of all and the share of moved sides whose energy lies above the true layout's. `--cfg-options` change the objective;
checkpoints of a training with EMAHook hold the averaged weights.

`--windows` asks on a bank of as many pairs that covers all timesteps, three a tenth at least, and says what would be
noticed on parts of it, with errors of epsilon, x_0 and v: which `low`, `high` and `space` an objective should have.
"""
import argparse
import json
import sys
from pathlib import Path

import dive_mmdet.threads  # noqa: F401  before torch

import torch
from torch import Tensor

from dive_mmdet.analysis.annotated import load
from dive_mmdet.analysis.noticed import ask, noticed, windows
from dive_mmdet.arguments import at_least_one
from dive_mmdet.engine.configured import add_arguments, config_of
from dive_mmdet.inversion import Likelihood


def by_window(likelihood: Likelihood, latents: Tensor, ids: Tensor, args: argparse.Namespace) -> None:
    """Print what is noticed at which timesteps, best first."""
    settings = dict(likelihood.settings(), low=0, high=likelihood.generator.schedule.num_steps,
                    num_pairs=max(30, len(likelihood)))
    whole = Likelihood(likelihood.generator, **settings).to(latents.device)
    found = windows(whole, ask(whole, latents, ids, args.steps, args.batch_size), args.steps)
    found.sort(key=lambda window: -window.noticed.class_first - sum(window.noticed.sides.values()) / len(args.steps))
    for window in found:
        sides = ''.join(f', sides off by {step} {share:.3f}' for step, share in window.noticed.sides.items())
        print(f't {window.low:4} to {window.high:4}, {window.space:12}: class {window.noticed.class_first:.3f}{sides}')
    write(args.out, [dict(window._asdict(), noticed=window.noticed._asdict()) for window in found])


def write(path: Path | None, found: dict | list) -> None:
    """Into a file, if one is named."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=2) + '\n')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument('--steps', type=at_least_one, nargs='+', default=[1], help='grid steps of a moved side')
    parser.add_argument('--batch-size', type=at_least_one, default=256)
    parser.add_argument('--out', type=Path, default=None)
    parser.add_argument('--windows', action='store_true', help='which timesteps tell, best first')
    parser.set_defaults(images=100)
    args = parser.parse_args()
    config = config_of(args)
    device = torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')
    try:
        model, latents, ids, _ = load(config, args.checkpoint, device)
        if args.windows:
            return by_window(model.likelihood, latents, ids, args)
        found = noticed(model.likelihood, latents, ids, args.steps, args.batch_size)
    except ValueError as error:  # annotations that are no layouts, or none
        sys.exit(str(error))
    print(f'{len(ids)} images, {found.objects} objects, {found.evaluations} evaluations')
    print(f'class first of {model.backbone.vocabulary.num_class_ids}: {found.class_first:.3f}')
    for step, share in found.sides.items():
        print(f'sides off by {step} noticed: {share:.3f}')
    write(args.out, dict(found._asdict(), images=len(ids)))


if __name__ == '__main__':
    main()
