"""Write the tree crowns of the deepforest package as tiles in PNG files and COCO annotations.

    pip install --no-deps deepforest==2.1.0
    python tools/dataset_converters/make_tree_crowns.py [--out data/tree_crowns]

The package (MIT) carries airborne photographs of NEON, 0.1 m a pixel, with boxes of crowns; it is not imported, and
nothing that it depends on is needed. Parts share no pixel: `train` is one photograph of a site (YELL), `val` and `test`
are the left and the right of another photograph of that site, `osbs` and `soap` are other sites. Tiles of 128 pixels,
of 160 that overlap by half in `train`. The same call writes the same bytes.
"""
import argparse
import sys
from pathlib import Path

from dive_mmdet.datasets.tree_crowns import make


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', type=Path, default=Path('data/tree_crowns'))
    args = parser.parse_args()
    try:
        print(f'{args.out}: sha256 {make(args.out)}')
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))


if __name__ == '__main__':
    main()
