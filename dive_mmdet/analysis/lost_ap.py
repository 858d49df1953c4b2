"""What of a run's AP is lost to objects missed, to classes, to boxes and to boxes of nothing."""
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from mmdet.structures.bbox import bbox_overlaps

from dive_mmdet.datasets.annotation_file import AnnotationFile
from dive_mmdet.metrics.coco import coco_scores

Detection = tuple[tuple[float, float, float, float], float, int]  # box x0, y0, x1, y1 in pixels, score, label
CAUSES = ('missed', 'class', 'box', 'extra')


class LostAP(NamedTuple):
    """Where AP is lost.

    Attributes:
        objects: annotated.
        counts: of each cause: objects no box is at the place of, objects whose best class is wrong, found objects whose
            box is not the annotated one to half a pixel a side, boxes of nothing.
        scores: of the run.
        mended: scores with one cause mended, of each, and with all.
    """
    objects: int
    counts: dict[str, int]
    scores: dict[str, float]
    mended: dict[str, dict[str, float]]


class _Image(NamedTuple):
    """One image's detections by box, and what is annotated, matched at IoU 0.5 whatever the class."""
    found: list[list[Detection]]
    truth: list[tuple[tuple[float, ...], int]]
    match: dict[int, int]  # place of a found box -> place of an annotated object

    def mended(self, causes: Sequence[str]) -> list[Detection]:
        """Detections as they would be without some causes of loss."""
        mended = []
        for place, detections in enumerate(self.found):
            own = self.truth[self.match[place]] if place in self.match else None
            if own is None:
                mended += [] if 'extra' in causes else detections
                continue
            best, labels = max(detections, key=lambda one: one[1])[2], {}
            if 'class' in causes:  # the true class changes places with the best
                labels = {best: own[1], own[1]: best}
            mended += [(own[0] if 'box' in causes else box, score, labels.get(label, label))
                       for box, score, label in detections]
        if 'missed' in causes:
            mended += [(box, 1.0, label) for place, (box, label) in enumerate(self.truth)
                       if place not in self.match.values()]
        return mended

    def counts(self) -> dict[str, int]:
        """How often each cause occurs."""
        pairs = [(max(self.found[place], key=lambda one: one[1]), self.truth[own]) for place, own in self.match.items()]
        off = [np.abs(np.subtract(found[0], box)).max() >= 0.5 for found, (box, _) in pairs]
        return dict(zip(CAUSES, (len(self.truth) - len(pairs), sum(found[2] != label for found, (_, label) in pairs),
                                 sum(map(bool, off)), len(self.found) - len(pairs))))


def lost_ap(detections: Mapping[int | str, Sequence[Detection]], ann_file: str, classes: Sequence[str]) -> LostAP:
    """Mend one cause of loss at a time and judge again.

    A found box is at the place of an annotated object at an IoU of 0.5 or more; the pairs with the largest IoU count,
    one of each.

    Args:
        detections: by image; those of the same box are the classes of one object.
        ann_file: annotations in COCO format; those of other images and of crowds are left out.
        classes: of the labels, as named there.
    """
    coco = AnnotationFile(ann_file)
    labels = {category: label for label, category in enumerate(coco.getCatIds(catNms=list(classes)))}
    images = {image: _image(found, coco.imgToAnns.get(image, ()), labels) for image, found in detections.items()}
    counts = [image.counts() for image in images.values()]

    def judged(*causes: str) -> dict[str, float]:
        return coco_scores({name: image.mended(causes) for name, image in images.items()}, ann_file, classes)
    return LostAP(sum(len(image.truth) for image in images.values()),
                  {cause: sum(count[cause] for count in counts) for cause in CAUSES}, judged(),
                  {**{cause: judged(cause) for cause in CAUSES}, 'all': judged(*CAUSES)})


def _image(detections: Sequence[Detection], annotations: Sequence[Mapping], labels: Mapping[int, int]) -> _Image:
    boxes: dict[tuple[float, ...], list[Detection]] = {}
    for box, score, label in detections:
        boxes.setdefault(tuple(box), []).append((tuple(box), score, label))
    truth = [((x, y, x + width, y + height), labels[item['category_id']]) for item in annotations
             if not item.get('iscrowd') and item['category_id'] in labels for x, y, width, height in [item['bbox']]]
    match: dict[int, int] = {}
    if boxes and truth:
        iou = bbox_overlaps(torch.tensor(list(boxes)).float(), torch.tensor([box for box, _ in truth]).float())
        for place in iou.flatten().argsort(descending=True, stable=True).tolist():
            found, own = divmod(place, len(truth))
            if iou[found, own] >= 0.5 and found not in match and own not in match.values():
                match[found] = own
    return _Image(list(boxes.values()), truth, match)
