"""Ratio of two detectors' COCO mAP with its bootstrap interval over images.

    python tools/analysis_tools/compare.py data/digit_scenes/val.json WORK_DIR_A WORK_DIR_B [--resamples 1000]

Both work dirs hold a run: of `tools/test.py`, `evaluate.py` or `demo/detect.py`. Images are drawn with replacement, the
same for both.
"""
import argparse
import json
import sys
from pathlib import Path

import numpy as np

from dive_mmdet.arguments import at_least_one
from dive_mmdet.datasets.annotation_file import AnnotationFile
from dive_mmdet.engine.run_state import RunState
from dive_mmdet.metrics.coco import CocoBootstrap


def boxes(annotations: str | Path) -> dict[int | str, list]:
    """Annotated boxes, by image."""
    return {image: [item['bbox'] for item in items] for image, items in AnnotationFile(annotations).imgToAnns.items()}


def bootstrap(annotations: Path, work_dir: Path) -> CocoBootstrap:
    """The run of a work dir, judged by annotations.

    Raises:
        ValueError: these are of other images, whatever their ids.
    """
    state = RunState(work_dir)
    judged_by = state.session['annotations']
    if judged_by is not None and Path(judged_by).is_file():
        given, own = boxes(annotations), boxes(judged_by)
        if given and not any(own.get(image) == those for image, those in given.items()):
            raise ValueError(f'{work_dir} is a run on the images of {judged_by}, and not one of {annotations} has the '
                             'same boxes: give annotations of its images.')
    found = {image: record.detections for image, record in state.records.items()}
    return CocoBootstrap(str(annotations), {**found, **dict.fromkeys(state.failures, ())}, state.session['classes'])


def compare(a: CocoBootstrap, b: CocoBootstrap, resamples: int, seed: int) -> dict[str, float]:
    """bbox_mAP of both, their ratio, and its 95 % interval.

    Raises:
        ValueError: that of `b` is 0.
    """
    rng, everyone = np.random.default_rng(seed), np.arange(a.count)
    whole = [one.bbox_map(everyone) for one in (a, b)]
    if whole[1] == 0:
        raise ValueError('The second run has a bbox_mAP of 0: there is no ratio to it.')
    ratios = []
    for _ in range(resamples):
        chosen = rng.integers(a.count, size=a.count)
        # A draw of images in which the second finds nothing has no ratio.
        ratios.append(a.bbox_map(chosen) / (b.bbox_map(chosen) or np.nan))
    low, high = np.nanpercentile(ratios, [2.5, 97.5])
    return dict(bbox_mAP_a=whole[0], bbox_mAP_b=whole[1], ratio=whole[0] / whole[1], ratio_low=low, ratio_high=high,
                resamples=resamples, images=a.count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('annotations', type=Path)
    parser.add_argument('a', type=Path)
    parser.add_argument('b', type=Path)
    parser.add_argument('--resamples', type=at_least_one, default=1000)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    try:
        both = [bootstrap(args.annotations, work_dir) for work_dir in (args.a, args.b)]
        print(json.dumps(compare(*both, args.resamples, args.seed), indent=2))
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))


if __name__ == '__main__':
    main()
