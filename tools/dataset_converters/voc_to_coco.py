"""Write a data set in the format of PASCAL VOC as COCO files.

    python tools/dataset_converters/voc_to_coco.py VOC OUT [--parts train val test]

VOC is the folder that holds Annotations, JPEGImages and ImageSets. OUT/PART.json has the images that
ImageSets/Main/PART.txt lists, OUT/images their files. Classes are sorted by name, boxes cut at the border of their
image, boxes without extent left out. For the blood cells of configs/blood_cells:

    git clone https://github.com/Shenggan/BCCD_Dataset
    python tools/dataset_converters/voc_to_coco.py BCCD_Dataset/BCCD data/blood_cells
"""
import argparse
import sys
from pathlib import Path

from dive_mmdet.datasets.voc_files import convert


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('voc', type=Path)
    parser.add_argument('out', type=Path)
    parser.add_argument('--parts', nargs='+', default=('train', 'val', 'test'))
    args = parser.parse_args()
    try:
        print('\n'.join(convert(args.voc, args.out, tuple(args.parts))))
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))


if __name__ == '__main__':
    main()
