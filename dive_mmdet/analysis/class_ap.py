"""AP class by class, and what a class that was added does to the others."""
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dive_mmdet.datasets.annotation_file import AnnotationFile
from dive_mmdet.metrics.coco import coco_scores

Detections = Mapping[int | str, Sequence[tuple]]  # by image: box x0, y0, x1, y1 in pixels, score, label each


def class_ap(detections: Detections, ann_file: str, classes: Sequence[str]) -> dict[str, dict[str, float]]:
    """COCO's scores of every class alone, without those that no image has; see `coco_scores`."""
    found, images = {}, set(detections)
    for label, name in enumerate(classes):
        if images == set(images_without(ann_file, name, images)):
            continue
        own = {image: [(box, score, 0) for box, score, of in each if of == label]
               for image, each in detections.items()}
        found[name] = coco_scores(own, ann_file, [name])
    return found


class NewClass(NamedTuple):
    """A class beside the others.

    Attributes:
        own: scores of the class.
        others: mean scores of the other classes on all images.
        elsewhere: mean scores of the other classes on images without the class.
        images: without the class.
        seen: of these, on how many an object was found whose best label is the class.
    """
    own: dict[str, float]
    others: dict[str, float]
    elsewhere: dict[str, float]
    images: int
    seen: int


def new_class(detections: Detections, ann_file: str, classes: Sequence[str], name: str,
              least_score: float = 0.0) -> NewClass:
    """Scores of a class and of the others; `least_score` is that of an object that counts as found.

    Raises:
        ValueError: `name` is none of the classes.
    """
    if name not in classes:
        raise ValueError(f"'{name}' is none of the classes {', '.join(classes)}: name one of them.")
    without = images_without(ann_file, name, detections)
    everywhere = class_ap(detections, ann_file, classes)
    own = everywhere.pop(name, {})
    elsewhere = class_ap({image: detections[image] for image in without}, ann_file, classes) if without else {}
    place = classes.index(name)
    seen = sum(place in {label for _, label in objects(detections[image], least_score)} for image in without)
    return NewClass(own, _mean(everywhere), _mean(elsewhere), len(without), seen)


def images_without(ann_file: str, name: str, images) -> list[int | str]:
    """Those of `images` of which no annotation is of the class."""
    annotations = AnnotationFile(ann_file)
    category, = (each['id'] for each in annotations.cats.values() if each['name'] == name)
    return [image for image in images
            if all(item['category_id'] != category for item in annotations.imgToAnns[image])]


def objects(detections: Sequence[tuple], least_score: float = 0.0) -> set[tuple]:
    """Each box once, with its label of the highest score, if that is high enough."""
    best = {}
    for box, score, label in detections:
        best[tuple(box)] = max(best.get(tuple(box), (-1.0, -1)), (score, label))
    return {(box, label) for box, (score, label) in best.items() if score >= least_score}


def _mean(scores: dict[str, dict[str, float]]) -> dict[str, float]:
    names = ('bbox_mAP', 'bbox_mAP_50')
    return {item: float(np.mean([each[item] for each in scores.values()])) for item in names} if scores else {}
