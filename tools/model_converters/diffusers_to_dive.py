"""A public pipeline in diffusers' format -> weights and config of a generator.

    python tools/model_converters/diffusers_to_dive.py SOURCE OUT.pth --text TEXT.pth \
        [--classifier | --grid 129] [--unet DIR] [--vae DIR] [--scheduler DIR] [--text-encoder DIR]

SOURCE is the directory of a pipeline, or of a UNet alone, whose other parts are named then. TEXT.pth is what
tools/model_converters/encode_text.py wrote of the classes. A UNet with gates (GLIGEN) becomes a generator of images
given boxes and names; with a text of location tokens (GeoDiffusion) any other becomes one too, its text encoder within
it; with --classifier any UNet becomes one of images given a class. Whole numbers are read before
halves (`fp16`), safetensors before `.bin`, of which the weights alone. Writes OUT.pth, whose weights are named
`backbone.*` as in the detector, and OUT.py beside it with `generator = ...`, which a config takes as its backbone.
Nothing in SOURCE is executed. Where weights are missing or unexpected they are named, and nothing is written.
"""
import argparse
from pathlib import Path

PARTS = dict(unet='the UNet', vae='the autoencoder, a directory or a file', scheduler='scheduler_config.json')


def convert(args: argparse.Namespace) -> str:
    """Write both files; returns one line about them."""
    from dive_mmdet.checkpoints.converted import write_generator
    from dive_mmdet.diffusion.published.clip_text import read_clip_text
    from dive_mmdet.diffusion.published.diffusers_pipeline import part_folders, read_network
    from dive_mmdet.diffusion.published.geodiffusion import geodiffusion_generator
    from dive_mmdet.diffusion.published.gligen import gligen_generator
    from dive_mmdet.diffusion.published.prompted import class_generator
    from dive_mmdet.diffusion.published.text_encoder import EncodedText
    text = EncodedText.read(args.text)
    network = read_network(part_folders(args.source, {name: getattr(args, name) for name in PARTS}))
    if args.classifier:
        config, weights = class_generator(network, text)
    elif 'places' in text.tensors:
        encoder = read_clip_text(args.text_encoder or args.source / 'text_encoder')
        config, weights = geodiffusion_generator(network, encoder, text)
    else:
        config, weights = gligen_generator(network, text, args.grid)
    return write_generator(config, weights, network.file, args.target, dict(classes=text.names))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('source', type=Path, metavar='SOURCE')
    parser.add_argument('target', type=Path, metavar='OUT')
    parser.add_argument('--text', type=Path, required=True, metavar='TEXT')
    parser.add_argument('--classifier', action='store_true', help='images given a class, each of which is its prompt')
    parser.add_argument('--grid', type=int, default=129,
                        help='points an axis on which corners of answers lie; location tokens have their own')
    for name, what in PARTS.items():
        parser.add_argument(f'--{name}', type=Path, metavar='DIR', help=f'where {what} lies')
    parser.add_argument('--text-encoder', type=Path, metavar='DIR', help='that of a GeoDiffusion')
    args = parser.parse_args()
    from dive_mmdet.checkpoints.converted import run_converter
    run_converter(args.target, lambda: convert(args))


if __name__ == '__main__':
    main()
