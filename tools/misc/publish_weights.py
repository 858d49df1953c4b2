"""Write the weights of a training checkpoint alone: without optimiser, averages, message hub and configuration text.

    python tools/misc/publish_weights.py IN OUT [--half] [--keep PREFIX ...] [--strip-prefix PREFIX]

OUT loads with `torch.load(OUT, weights_only=True)` and wherever the Runner takes a checkpoint. Its `meta` holds the
classes, the name of the config, the iteration and this package's version. The same call writes the same bytes. Nothing
in IN is executed.
"""
import argparse
import sys
from pathlib import Path

from dive_mmdet.checkpoints.publishing import PublishError, publish


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('source', type=Path, metavar='IN', help='a checkpoint that the Runner wrote')
    parser.add_argument('target', type=Path, metavar='OUT')
    parser.add_argument('--half', action='store_true', help='matrices and kernels as float16')
    parser.add_argument('--keep', nargs='+', default=(), metavar='PREFIX', help='only weights with such names')
    parser.add_argument('--strip-prefix', default='', metavar='PREFIX', help='take this from the front of the names')
    args = parser.parse_args()
    try:
        sha256 = publish(args.source, args.target, args.half, tuple(args.keep), args.strip_prefix)
    except PublishError as error:
        sys.exit(f'Error: {error}')
    print(f'{args.target}: {args.target.stat().st_size:,} bytes, sha256 {sha256}')


if __name__ == '__main__':
    main()
