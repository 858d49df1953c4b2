"""What of a run's AP is lost to objects missed, to classes, to boxes and to boxes of nothing.

    python tools/analysis_tools/lost_ap.py WORK_DIR [--annotations data/digit_scenes/val.json]

WORK_DIR holds a run: of `tools/test.py`, `evaluate.py` or `demo/detect.py`. Of each cause it prints how many objects or
boxes it has, and the AP that the run would have without it. The annotations are those of the run if none are given.
"""
import argparse
import sys
from pathlib import Path

from dive_mmdet.analysis.lost_ap import CAUSES, lost_ap
from dive_mmdet.engine.run_state import RunState

NAMES = {'missed': 'objects missed', 'class': 'wrong class', 'box': 'box not exact', 'extra': 'boxes of nothing'}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('work_dir', type=Path)
    parser.add_argument('--annotations', type=Path, default=None)
    args = parser.parse_args()
    try:
        state = RunState(args.work_dir)
        annotations = args.annotations or state.session['annotations']
        if annotations is None:
            sys.exit(f'{args.work_dir} is no run that was judged by annotations: give --annotations.')
        detections = {image: record.detections for image, record in state.records.items()}
        lost = lost_ap({**detections, **dict.fromkeys(state.failures, ())}, str(annotations), state.session['classes'])
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))
    row = '{:<18}{:>6}{:>10.3f}{:>13.3f}'.format
    print(f'{"":<18}{"":>6}{"bbox_mAP":>10}{"bbox_mAP_50":>13}')
    print(row('as it is', lost.objects, lost.scores['bbox_mAP'], lost.scores['bbox_mAP_50']), ' (annotated objects)')
    for cause in CAUSES:
        print(row(NAMES[cause], lost.counts[cause], lost.mended[cause]['bbox_mAP'], lost.mended[cause]['bbox_mAP_50']),
              ' (mended)')


if __name__ == '__main__':
    main()
