"""AP class by class; with --new that of a class beside the others'.

    python tools/analysis_tools/class_ap.py WORK_DIR [--new 9 [--before WORK_DIR]] [--annotations ANNOTATIONS.json]

WORK_DIR holds a run: of `tools/test.py`, `evaluate.py` or `demo/detect.py`. --before names a run on the same images
without the class: printed is on how many images without it the same objects were found. An object is found from a
score of `--score` on. The annotations are those of the run if none are given.
"""
import argparse
import sys
from pathlib import Path

from dive_mmdet.analysis.class_ap import class_ap, images_without, new_class, objects
from dive_mmdet.engine.run_state import RunState


def detections_of(state: RunState) -> dict:
    """Of all images, those that failed too."""
    found = {image: record.detections for image, record in state.records.items()}
    return {**found, **dict.fromkeys(state.failures, ())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('work_dir', type=Path)
    parser.add_argument('--new', default=None, help='name of a class')
    parser.add_argument('--before', type=Path, default=None, help='a run without it')
    parser.add_argument('--score', type=float, default=0.3)
    parser.add_argument('--annotations', type=Path, default=None)
    args = parser.parse_args()
    try:
        state = RunState(args.work_dir)
        annotations, classes = args.annotations or state.session['annotations'], state.session['classes']
        if annotations is None:
            sys.exit(f'{args.work_dir} is no run that was judged by annotations: give --annotations.')
        annotations, found = str(annotations), detections_of(state)
        row = '{:<28}{:>10.3f}{:>13.3f}'.format
        print(f'{"":<28}{"bbox_mAP":>10}{"bbox_mAP_50":>13}')
        if args.new is None:
            for name, scores in class_ap(found, annotations, classes).items():
                print(row(name, scores['bbox_mAP'], scores['bbox_mAP_50']))
            return
        new = new_class(found, annotations, classes, args.new, args.score)
        parts = {args.new: new.own, 'the others': new.others, f'the others, {new.images} images': new.elsewhere}
        for name, scores in parts.items():
            print(row(name, scores.get('bbox_mAP', float('nan')), scores.get('bbox_mAP_50', float('nan'))))
        print(f'found on {new.seen} of the {new.images} images without it')
        if args.before is not None:
            before, without = detections_of(RunState(args.before)), images_without(annotations, args.new, found)
            known = [image for image in without if image in before]
            same = sum(objects(found[image], args.score) == objects(before[image], args.score) for image in known)
            print(f'the same objects as before on {same} of {len(known)} of them')
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))


if __name__ == '__main__':
    main()
