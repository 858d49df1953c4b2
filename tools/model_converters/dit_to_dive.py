"""A public DiT checkpoint (facebookresearch/DiT) -> weights and config of a generator of images given a class.

    python tools/model_converters/dit_to_dive.py CKPT OUT.pth [--first-stage VAE] [--num-heads 16]

CKPT is a released file (bare weights), a training file (the averaged weights are taken), or a directory in diffusers'
format, of the transformer or of the whole pipeline. VAE is the autoencoder that it was trained with, a directory in
diffusers' format or a file, or `identity` for pixel space; a pipeline's own by default. The config names the path and
OUT.pth holds a copy of its weights. Writes OUT.pth, whose weights are named `backbone.*` as in the
classifier, and OUT.py beside it with `generator = ...`. Nothing in CKPT is executed; where keys are missing or
unexpected they are named, and nothing is written.
"""
import argparse
import sys
from pathlib import Path


def convert(args: argparse.Namespace) -> str:
    """Write both files; returns one line about them."""
    from dive_mmdet.checkpoints.converted import write_generator
    from dive_mmdet.checkpoints.untrusted import load_untrusted, state_dict_of
    from dive_mmdet.diffusion.published.dit_diffusers import public_weights, read_directory
    from dive_mmdet.diffusion.published.dit_keys import averaged, generator_config, generator_weights
    first_stage = dict(type='dive_mmdet.IdentityFirstStage') if args.first_stage == 'identity' else dict(
        type='dive_mmdet.KLFirstStage', pretrained=args.first_stage or str(args.source / 'vae'))
    source, heads = args.source, args.num_heads
    if source.is_dir():
        source, description, weights = read_directory(source)
        weights, heads = public_weights(weights, description), heads or description.get('num_attention_heads')
    else:
        weights = state_dict_of(averaged(load_untrusted(source)))
    return write_generator(generator_config(weights, first_stage, heads), generator_weights(weights), source,
                           args.target, {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('source', type=Path, metavar='CKPT')
    parser.add_argument('target', type=Path, metavar='OUT')
    parser.add_argument('--first-stage', metavar='VAE')
    parser.add_argument('--num-heads', type=int, default=None, help='where no published DiT has that width and depth')
    args = parser.parse_args()
    if args.first_stage is None and not (args.source / 'vae').is_dir():
        sys.exit('CKPT brings no autoencoder: give --first-stage.')
    from dive_mmdet.checkpoints.converted import run_converter
    run_converter(args.target, lambda: convert(args))


if __name__ == '__main__':
    main()
