"""Write a small colour data set: shapes of two classes pasted on photographs, as PNG files and COCO annotations.

    python tools/dataset_converters/make_pasted_shapes.py [--out data/pasted_shapes]

The photographs are three that the scikit-image package carries: astronaut (NASA, public domain), chelsea (Stefan van
der Walt, CC0) and coffee (Rachel Michetti, CC0). Each part of the data set has a strip of every photograph to itself,
so no background of `train` is seen in `val` or `test`. The same call writes the same bytes.
"""
import argparse
import sys
from pathlib import Path

from dive_mmdet.datasets.pasted_shapes import make


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', type=Path, default=Path('data/pasted_shapes'))
    args = parser.parse_args()
    try:
        print(f'{args.out}: sha256 {make(args.out)}')
    except FileNotFoundError as error:
        sys.exit(str(error))


if __name__ == '__main__':
    main()
