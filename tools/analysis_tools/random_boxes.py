"""The AP of boxes that know nothing of the image: each test image gets the boxes and labels of another one.

    python tools/analysis_tools/random_boxes.py CONFIG [--ann-file val_32.json] [--images 32] [--seeds 5]

Number, sizes, places and labels of the boxes are those of the data set, scores are random; what a detector must beat
to have seen anything. Boxes are scaled to the image that they are put on. Prints the mean over seeds 0 .. SEEDS - 1.
"""
import argparse
import contextlib
import io
import sys
import warnings
from pathlib import Path

import dive_mmdet.threads  # noqa: F401  before torch

import numpy as np
from mmengine.config import Config

from dive_mmdet.arguments import at_least_one
from dive_mmdet.datasets.annotation_file import AnnotationFile
from dive_mmdet.metrics.coco import coco_scores


def random_detections(coco: AnnotationFile, categories: list[int], seed: int,
                      count: int | None = None) -> dict[int | str, list[tuple]]:
    """Detections, by image, of a detector that gives each of the first `count` another one's annotations, crowds left
    out."""
    rng = np.random.default_rng(seed)
    images = coco.loadImgs(coco.getImgIds())[:count]
    shift = int(rng.integers(1, len(images))) if len(images) > 1 else 0
    order = rng.permutation(len(images))
    found = {}
    for place, index in enumerate(order):
        image, other = images[index], images[order[(place + shift) % len(order)]]
        scale = np.array([image['width'] / other['width'], image['height'] / other['height']] * 2)
        annotations = [ann for ann in coco.imgToAnns[other['id']]
                       if ann['category_id'] in categories and not ann['iscrowd']]
        boxes = [(np.array([x, y, x + w, y + h]) * scale).tolist() for x, y, w, h in
                 (ann['bbox'] for ann in annotations)]
        found[image['id']] = list(zip(boxes, rng.random(len(boxes)).tolist(),
                                      [categories.index(ann['category_id']) for ann in annotations]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    parser.add_argument('--ann-file', default=None, help="relative to the data root, instead of the config's")
    parser.add_argument('--images', type=at_least_one, default=None, help='the first ones only')
    parser.add_argument('--seeds', type=at_least_one, default=5)
    args = parser.parse_args()
    warnings.filterwarnings('ignore')
    config = Config.fromfile(args.config)
    dataset = config.test_dataloader.dataset
    ann_file = str(Path(dataset.data_root) / (args.ann_file or dataset.ann_file))
    try:
        coco = AnnotationFile(ann_file)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))
    categories = coco.getCatIds(catNms=list(config.classes))
    with contextlib.redirect_stdout(io.StringIO()):
        rows = [coco_scores(random_detections(coco, categories, seed, args.images), ann_file, config.classes)
                for seed in range(args.seeds)]
    for name in ('bbox_mAP', 'bbox_mAP_50', 'bbox_mAP_75', 'AR'):
        values = [row[name] for row in rows]
        print(f'{name} {np.mean(values):.4f} (from {min(values):.4f} to {max(values):.4f})')


if __name__ == '__main__':
    main()
