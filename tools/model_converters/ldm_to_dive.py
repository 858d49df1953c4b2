"""A public layout-to-image checkpoint (latent diffusion) -> weights and config of a generator.

    python tools/model_converters/ldm_to_dive.py CKPT YAML OUT.pth --num-classes 601 [--num-heads 1] [--raw] \
        [--use-group] [--use-additional]

Writes OUT.pth, whose weights are named `backbone.*` as in the detector, and OUT.py beside it with `generator = ...`,
which a config takes as its backbone. The averaged weights of the UNet are taken unless --raw. Nothing in CKPT is
executed. Where keys are missing or unexpected they are named, and nothing is written.
"""
import argparse
import hashlib
import sys
from pathlib import Path

import yaml
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools' / 'misc'))


def convert(source: Path, description: Path, target: Path, num_classes: int, num_heads: int, ema: bool,
            use_group: bool, use_additional: bool) -> str:
    """Write both files; returns one line about them."""
    from publish_weights import write_whole

    from dive_mmdet import __version__
    from dive_mmdet.diffusion.ldm_config import generator_config
    from dive_mmdet.diffusion.ldm_keys import generator_weights
    from dive_mmdet.diffusion.untrusted import load_untrusted, state_dict_of
    from dive_mmdet.registry import MODELS
    config = generator_config(yaml.safe_load(description.read_text()), num_classes, num_heads, use_group,
                              use_additional)
    weights = generator_weights(state_dict_of(load_untrusted(source)), ema)
    generator = MODELS.build(config)
    unexpected = sorted(set(weights) - set(generator.state_dict()))
    if unexpected:
        raise ValueError(f'{len(unexpected)} weights of {source} have no place in the network of {description} '
                         f'({", ".join(unexpected[:3])}): the two do not belong together.')
    generator.load_state_dict(weights)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    meta = dict(source=source.name, source_sha256=digest, ema=ema, dive_mmdet_version=__version__)
    # A copy of each: several names of the original may share memory.
    write_whole(target, dict(meta=meta, state_dict={f'backbone.{key}': value.clone()
                                                    for key, value in generator.state_dict().items()}))
    header = f'# Of {source.name} (sha256 {digest[:16]}) by tools/model_converters/ldm_to_dive.py.\n'
    target.with_suffix('.py').write_text(header + Config(dict(generator=config)).pretty_text)
    count = sum(parameter.numel() for parameter in generator.parameters())
    return f'{target}: {count / 1e6:.1f} M parameters; {target.with_suffix(".py")} holds the config'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('source', type=Path, metavar='CKPT')
    parser.add_argument('description', type=Path, metavar='YAML')
    parser.add_argument('target', type=Path, metavar='OUT')
    parser.add_argument('--num-classes', type=int, required=True, help='categories of the layouts')
    parser.add_argument('--num-heads', type=int, default=1,
                        help='of the UNet; the release needs 1 although its YAML says num_head_channels')
    parser.add_argument('--raw', action='store_true', help='the raw weights of the UNet instead of the averaged ones')
    parser.add_argument('--use-group', action='store_true', help='class ids carry the group flag')
    parser.add_argument('--use-additional', action='store_true', help='class ids carry all modifiers')
    args = parser.parse_args()
    if not args.description.is_file():
        sys.exit(f'No YAML at {args.description}: give the configuration that belongs to the checkpoint.')
    if args.target.suffix != '.pth':
        sys.exit(f'{args.target} should end with .pth: the config is written beside it with .py.')
    try:
        print(convert(args.source, args.description, args.target, args.num_classes, args.num_heads, not args.raw,
                      args.use_group, args.use_additional))
    except (ValueError, RuntimeError, FileNotFoundError, yaml.YAMLError) as error:
        sys.exit(' '.join(str(error).split()))


if __name__ == '__main__':
    main()
