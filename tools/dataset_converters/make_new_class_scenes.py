"""Write digit scenes in which one digit is a new class with a few boxes: PNG files and COCO annotations.

    python tools/dataset_converters/make_new_class_scenes.py [--digit 9] [--out data/new_class]

The digit is the last category. `few_1.json`, `few_5.json` and `few.json` have 1, 5 and 20 boxes of it, one a scene of
training digits with all other boxes annotated; every other scene of `test.json`, from the first on, has it;
`calib.json` has none. The same call writes the same bytes.
"""
import argparse
import sys
from pathlib import Path

from dive_mmdet.datasets.new_class_files import make


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--digit', default='9')
    parser.add_argument('--out', type=Path, default=Path('data/new_class'))
    args = parser.parse_args()
    try:
        print(f'{args.out}: sha256 {make(args.out, args.digit)}')
    except ValueError as error:
        sys.exit(str(error))


if __name__ == '__main__':
    main()
