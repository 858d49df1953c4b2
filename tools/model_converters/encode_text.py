"""Names of classes -> vectors of a public pipeline's text encoder, for tools/model_converters/diffusers_to_dive.py.

    pip install --target text transformers
    PYTHONPATH=text python tools/model_converters/encode_text.py SOURCE OUT.pth --classes NAMES \
        [--prompt 'a photo of a {}' ... | --layout 'An image with {}'] [--text-encoder DIR] [--tokenizer DIR]

With several prompts a class is whichever of them explains an image best. --layout is the prompt of a GeoDiffusion,
whose tokenizer has location tokens; its text encoder becomes a part of the generator later. SOURCE is the pipeline's
directory in diffusers' format, which holds `text_encoder` and `tokenizer` where these are not named. NAMES are the
classes, between commas or as a text file with one a line. transformers is needed here alone and once a list of names;
in a folder of its own, since mmdet and mmpretrain do not import beside transformers 5.
"""
import argparse
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('source', type=Path, metavar='SOURCE')
    parser.add_argument('target', type=Path, metavar='OUT')
    parser.add_argument('--classes', required=True, metavar='NAMES')
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument('--prompt', nargs='+', help='of a class, {} where its name goes: for a classifier')
    asked.add_argument('--layout', metavar='PROMPT', help='of a layout, {} at its end, where the objects go')
    for name in ('text-encoder', 'tokenizer'):
        parser.add_argument(f'--{name}', type=Path, metavar='DIR')
    args = parser.parse_args()
    from dive_mmdet.diffusion.published.layout_tokens import layout_tokens
    from dive_mmdet.diffusion.published.text_encoder import TextEncoder, encode, read_names, read_tokenizer
    tokenizer = args.tokenizer or args.source / 'tokenizer'
    try:
        names = read_names(args.classes)
        if args.layout is not None:
            text = layout_tokens(read_tokenizer(tokenizer), names, args.layout)
        else:
            encoder = TextEncoder(args.text_encoder or args.source / 'text_encoder', tokenizer)
            text = encode(encoder, names, args.prompt)
        text.write(args.target)
    except (ValueError, RuntimeError, OSError, ModuleNotFoundError) as error:
        sys.exit(' '.join(str(error).split()))
    print(f'{args.target}: {len(names)} classes')


if __name__ == '__main__':
    main()
