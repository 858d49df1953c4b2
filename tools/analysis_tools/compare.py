"""Ratio of two detectors' COCO mAP with its bootstrap interval over images.

    python tools/analysis_tools/compare.py data/digit_scenes/val.json RECORDS_A RECORDS_B [--resamples 1000] [--seed 0]

Both folders hold the records of a run (`demo/detect.py`). Images are drawn with replacement, the same for both.
"""
import argparse
import contextlib
import io
import json
from pathlib import Path

import numpy as np
from pycocotools.cocoeval import COCOeval

from dive_mmdet.datasets.annotation_file import AnnotationFile


def evaluated(coco: AnnotationFile, folder: Path) -> COCOeval:
    """Matches of every image, made once; classes follow the order of the annotation file's categories."""
    categories = [category['id'] for category in coco.dataset['categories']]
    detections = []
    for image in coco.dataset['images']:
        record = json.loads((folder / f'{image["id"]:012d}.json').read_text())
        for (x0, y0, x1, y1), score, label in zip(record['bboxes'], record['scores'], record['labels']):
            detections.append(dict(image_id=image['id'], category_id=categories[label], score=score,
                                   bbox=[x0, y0, x1 - x0, y1 - y0]))
    found = COCOeval(coco, coco.loadRes(detections), 'bbox')
    found.evaluate()
    return found


def mean_average_precision(found: COCOeval, matches: np.ndarray, chosen: np.ndarray) -> float:
    """bbox_mAP over chosen images, matches (categories, areas, images)."""
    # Images drawn twice are two images.
    found.params.imgIds = found._paramsEval.imgIds = list(range(len(chosen)))
    found.evalImgs = list(matches[:, :, chosen].reshape(-1))
    found.accumulate()
    precision = found.eval['precision'][:, :, :, 0, -1]
    return float(precision[precision > -1].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('annotations', type=Path)
    parser.add_argument('a', type=Path)
    parser.add_argument('b', type=Path)
    parser.add_argument('--resamples', type=int, default=1000)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = AnnotationFile(args.annotations)
        found = [evaluated(coco, folder) for folder in (args.a, args.b)]
        count = len(coco.dataset['images'])
        matches = [np.array(one.evalImgs, dtype=object).reshape(
            len(one.params.catIds), len(one.params.areaRng), count) for one in found]
        everyone = np.arange(count)
        whole = [mean_average_precision(*pair, everyone) for pair in zip(found, matches)]
        ratios = []
        for _ in range(args.resamples):
            chosen = rng.integers(count, size=count)
            a, b = (mean_average_precision(*pair, chosen) for pair in zip(found, matches))
            ratios.append(a / b)
    low, high = np.percentile(ratios, [2.5, 97.5])
    print(json.dumps(dict(bbox_mAP_a=whole[0], bbox_mAP_b=whole[1], ratio=whole[0] / whole[1], ratio_low=low,
                          ratio_high=high, resamples=args.resamples, images=count), indent=2))


if __name__ == '__main__':
    main()
