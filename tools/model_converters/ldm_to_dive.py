"""A public layout-to-image checkpoint (latent diffusion) -> weights and config of a generator.

    python tools/model_converters/ldm_to_dive.py CKPT YAML OUT.pth --num-classes 340 --use-group --use-additional \
        [--num-heads 1 [1 ...]] [--raw]

Writes OUT.pth, whose weights are named `backbone.*` as in the detector, and OUT.py beside it with `generator = ...`,
which a config takes as its backbone. The categories given above are the released OpenImages model's
(configs/_base_/categories/README.md). The averaged weights of the UNet are taken unless --raw. Nothing in CKPT is
executed. Where keys are missing or unexpected they are named, and nothing is written.
"""
import argparse
import sys
from pathlib import Path

import yaml


def convert(args: argparse.Namespace) -> str:
    """Write both files; returns one line about them."""
    from dive_mmdet.checkpoints.converted import write_generator
    from dive_mmdet.checkpoints.untrusted import load_untrusted, state_dict_of
    from dive_mmdet.diffusion.published.ldm_config import generator_config
    from dive_mmdet.diffusion.published.ldm_keys import generator_weights, require_schedule
    from dive_mmdet.registry import MODELS
    heads = args.num_heads[0] if len(args.num_heads) == 1 else args.num_heads
    config = generator_config(yaml.safe_load(args.description.read_text()), args.num_classes, heads, args.use_group,
                              args.use_additional)
    checkpoint = state_dict_of(load_untrusted(args.source))
    require_schedule(checkpoint, MODELS.build(config['schedule']))
    # A training that scaled latents to unit variance measured the factor and kept it with the weights.
    if 'scale_factor' in checkpoint:
        config['first_stage']['scale_factor'] = float(checkpoint['scale_factor'])
    weights = generator_weights(checkpoint, ema=not args.raw)
    return write_generator(config, weights, args.source, args.target, dict(ema=not args.raw))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('source', type=Path, metavar='CKPT')
    parser.add_argument('description', type=Path, metavar='YAML')
    parser.add_argument('target', type=Path, metavar='OUT')
    parser.add_argument('--num-classes', type=int, required=True, help='categories of the layouts')
    parser.add_argument('--num-heads', type=int, nargs='+', default=[1],
                        help='of the UNet, or of each of its levels; the release needs 1 although its YAML says '
                             'num_head_channels')
    parser.add_argument('--raw', action='store_true', help='the raw weights of the UNet instead of the averaged ones')
    parser.add_argument('--use-group', action='store_true', help='class ids carry the group flag')
    parser.add_argument('--use-additional', action='store_true', help='class ids carry all modifiers')
    args = parser.parse_args()
    if not args.description.is_file():
        sys.exit(f'No YAML at {args.description}: give the configuration that belongs to the checkpoint.')
    from dive_mmdet.checkpoints.converted import run_converter
    run_converter(args.target, lambda: convert(args), yaml.YAMLError)


if __name__ == '__main__':
    main()
