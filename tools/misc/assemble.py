"""Put generator, prior and an uncalibrated head into one checkpoint that a DIVE config loads.

    python tools/misc/assemble.py CONFIG OUT --generator GENERATOR.pth [--prior PRIOR.pth] [--half]

Parts come from checkpoints of the training configs or from published weights; every weight that the config's model
has must be there. `tools/misc/calibrate.py` fits the head's scores afterwards.
"""
import argparse
import sys
from pathlib import Path

import dive_mmdet.threads  # noqa: F401  before torch

from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch import Tensor

from dive_mmdet import __version__
from dive_mmdet.checkpoints.loading import WeightsMismatch
from dive_mmdet.checkpoints.publishing import halve, write_whole
from dive_mmdet.checkpoints.untrusted import UnreadableCheckpoint, load_untrusted, state_dict_of


def part(path: str, prefix: str) -> dict[str, Tensor]:
    """Weights named `prefix.*` of a checkpoint."""
    if not Path(path).is_file():
        sys.exit(f'No checkpoint at {path}: train it first.')
    try:
        state = state_dict_of(load_untrusted(path))
    except UnreadableCheckpoint as error:
        sys.exit(str(error))
    return {name: value for name, value in state.items() if name.startswith(prefix + '.')}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    parser.add_argument('out', type=Path)
    parser.add_argument('--generator', required=True)
    parser.add_argument('--prior', help='where the config has one')
    parser.add_argument('--half', action='store_true', help='matrices as float16')
    args = parser.parse_args()
    config = Config.fromfile(args.config)
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(config.model)
    state = {name: value for name, value in model.state_dict().items() if name.startswith('bbox_head.')}
    state |= part(args.generator, 'backbone') | (part(args.prior, 'prior') if args.prior else {})
    try:
        model.load_state_dict(state, strict=True)
    except (WeightsMismatch, RuntimeError) as error:
        sys.exit(str(error))
    state = {name: halve(name, value) if args.half else value for name, value in state.items()}
    meta = dict(dataset_meta=dict(classes=tuple(config.classes)), config=Path(args.config).name,
                dive_mmdet_version=__version__)
    write_whole(args.out, dict(meta=meta, state_dict=state))
    print(f'{args.out}: {args.out.stat().st_size / 1e6:.1f} MB, {len(state)} tensors')


if __name__ == '__main__':
    main()
