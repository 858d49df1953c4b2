"""The best that any search can reach on annotations: true boxes put through grid, slots and crop, scored by COCO.

    python tools/analysis_tools/reachable_ceiling.py ANNOTATIONS [--grid 90] [--num-objects 30] \
        [--crop none|centre|two]

`none` resizes the whole image to a square, so the grid's steps are as wide as the image over 89; `centre` sees the
largest square in the middle and `two` the squares at both ends, whose objects are merged: of an object that both hold
the better box counts, which is more than a merge without truth can do. All annotated boxes are scored, those outside a
crop included. Crowds are no objects; where there are more objects than slots the largest are kept.
"""
import argparse
import json
import sys
from pathlib import Path

import dive_mmdet.threads  # noqa: F401  before torch

import numpy as np
import torch
from pycocotools import mask

from dive_mmdet.datasets.annotation_file import AnnotationFile
from dive_mmdet.datasets.square_crop import square_box
from dive_mmdet.layout import LayoutTokenizer, LayoutVocabulary
from dive_mmdet.metrics.coco import coco_scores

PLACES = {'none': (None,), 'centre': (0.5,), 'two': (0.0, 1.0)}
SIZES = {'small': (0, 32 ** 2), 'medium': (32 ** 2, 96 ** 2), 'large': (96 ** 2, float('inf'))}  # COCO's, in pixels


def through_the_grid(boxes: np.ndarray, seen: tuple[float, ...], tokenizer: LayoutTokenizer) -> np.ndarray:
    """Boxes x0, y0, x1, y1 as a layout of the part `seen` holds them, in pixels, (k, 4) -> (k, 4); nan if it cannot."""
    corner, extent = np.array([*seen[:2]] * 2), np.array([seen[2] - seen[0], seen[3] - seen[1]] * 2)
    inside = torch.from_numpy(((boxes - corner) / extent).clip(0, 1))
    points = tokenizer.corner_points(tokenizer.corner_ids(inside.view(-1, 2, 2))).flatten(1).numpy()
    flat = (points[:, 2:] <= points[:, :2]).any(axis=1)
    kept = np.argsort(-np.where(flat, 0, (points[:, 2:] - points[:, :2]).prod(axis=1)),
                      kind='stable')[:tokenizer.vocabulary.num_objects]
    lost = flat | ~np.isin(np.arange(len(boxes)), kept)
    return np.where(lost[:, None], np.nan, points * extent + corner)


def reachable(annotations: list[dict], image: dict, places: tuple,
              tokenizer: LayoutTokenizer) -> tuple[np.ndarray, np.ndarray]:
    """The best box of each object over all crops, (k, 4) in pixels, nan where none holds it, and its IoU, (k,)."""
    boxes = np.array([item['bbox'] for item in annotations], dtype=float).reshape(-1, 4)
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    best, best_iou = np.full(boxes.shape, np.nan), np.zeros(len(boxes))
    width, height = image['width'], image['height']
    for place in places:
        seen = (0, 0, width, height) if place is None else square_box(width, height, place)
        found = through_the_grid(corners, seen, tokenizer)
        as_coco = np.nan_to_num(np.concatenate([found[:, :2], found[:, 2:] - found[:, :2]], axis=1))
        iou = np.diag(mask.iou(as_coco, boxes, [0] * len(boxes))) if len(boxes) else best_iou
        better = iou > best_iou
        best[better], best_iou[better] = found[better], iou[better]
    return best, best_iou


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('annotations', type=Path)
    parser.add_argument('--grid', type=int, default=90)
    parser.add_argument('--num-objects', type=int, default=30)
    parser.add_argument('--crop', choices=PLACES, default='none')
    args = parser.parse_args()
    try:
        coco = AnnotationFile(args.annotations)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))
    tokenizer = LayoutTokenizer(LayoutVocabulary(1, args.num_objects, grid=args.grid))
    categories = sorted(coco.cats)
    found, ious, areas = {}, [], []
    for image_id in sorted(coco.imgs):
        objects = [item for item in coco.imgToAnns[image_id] if not item['iscrowd']]
        boxes, iou = reachable(objects, coco.imgs[image_id], PLACES[args.crop], tokenizer)
        held = iou > 0
        labels = [categories.index(item['category_id']) for item in objects]
        found[image_id] = list(zip(boxes[held].tolist(), iou[held].tolist(),
                                   [label for label, keep in zip(labels, held) if keep]))
        ious += iou.tolist()
        areas += [item['area'] for item in objects]
    scores = coco_scores(found, str(args.annotations), [coco.cats[each]['name'] for each in categories])
    ious, areas = np.array(ious), np.array(areas)
    recall = np.mean([(ious >= threshold).mean() for threshold in np.arange(0.5, 1, 0.05)]) if len(ious) else 0.0
    print(json.dumps(dict(
        crop=args.crop, images=len(found), objects=len(ious), held=int((ious > 0).sum()),
        bbox_mAP=scores['bbox_mAP'], bbox_mAP_50=scores['bbox_mAP_50'], AR=scores['AR'], recall=float(recall),
        mean_iou={name: float(ious[(areas >= low) & (areas < high)].mean()) for name, (low, high) in SIZES.items()
                  if ((areas >= low) & (areas < high)).any()}), indent=2))


if __name__ == '__main__':
    main()
