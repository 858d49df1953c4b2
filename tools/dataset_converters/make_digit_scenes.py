"""Write the digit scenes that are not made on the fly: PNG files and COCO annotations.

    python tools/dataset_converters/make_digit_scenes.py [--out data/digit_scenes]

The same call writes the same bytes. Subsets have annotation files of their own, since the COCO evaluator scores every
image of the file it is given; they are drawn by id.
"""
import argparse
from pathlib import Path

from dive_mmdet.datasets.digit_scene_files import make


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', type=Path, default=Path('data/digit_scenes'))
    args = parser.parse_args()
    print(f'{args.out}: sha256 {make(args.out)}')


if __name__ == '__main__':
    main()
