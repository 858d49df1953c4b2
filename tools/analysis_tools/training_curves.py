"""Draw what trainings had reached after so many minutes, in one picture.

    python tools/analysis_tools/training_curves.py OUT.png WORK_DIR:METRIC [WORK_DIR:METRIC ...]
    python tools/analysis_tools/training_curves.py work_dirs/curves.png \
        work_dirs/blood_cells/generator:conditioning/noticed work_dirs/blood_cells/faster_rcnn:coco/bbox_mAP_50

METRIC is one that the training's checks log. Minutes are those of the training's steps, without its checks.
"""
import argparse
import sys
from pathlib import Path

from dive_mmdet.analysis.training_curves import curve, draw


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('out', type=Path)
    parser.add_argument('curves', nargs='+', metavar='WORK_DIR:METRIC')
    args = parser.parse_args()
    found = {}
    for text in args.curves:
        work_dir, colon, metric = text.partition(':')
        if not colon:
            sys.exit(f'{text} names no metric: give WORK_DIR:METRIC.')
        try:
            found[text] = curve(Path(work_dir), metric)
        except (FileNotFoundError, ValueError) as error:
            sys.exit(str(error))
        minutes, values = found[text]
        print(f'{text}: ' + ', '.join(f'{value:.1f} after {minute:.1f}' for minute, value in zip(minutes, values)))
    draw(found, args.out)
    print(f'{args.out} is written.')


if __name__ == '__main__':
    main()
