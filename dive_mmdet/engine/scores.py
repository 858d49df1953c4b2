"""Metrics and costs of records, while a run lasts and after it."""
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch

from .records.record import Image, Record


def scores_of(records: Mapping[Image, Record], failed: Collection[Image], annotations: str | None,
              classes: Sequence[str]) -> dict[str, float]:
    """What is known of a run: `accuracies` where records hold the true class, else `coco_scores`.

    Args:
        records: of finished images, by image.
        failed: images that count as wrong, or as without detections.
        annotations: COCO file, None where there is none.
        classes: of the detections, as named in it.

    Returns:
        nothing where there is nothing to judge by.
    """
    if any(record.truth is not None for record in records.values()):
        return accuracies(list(records.values()), len(failed))
    if annotations is None:
        return {}
    from dive_mmdet.metrics.coco import coco_scores
    found = {image: record.detections for image, record in records.items()}
    scores = coco_scores({**found, **dict.fromkeys(failed, ())}, annotations, classes)
    return {name: value for name, value in scores.items() if value >= 0}  # pycocotools says -1 where nothing is


def accuracies(records: Sequence[Record], failed: int = 0) -> dict[str, float]:
    """accuracy_top1 and accuracy_top5 in percent by mmpretrain's `Accuracy`; failed images are wrong."""
    from mmpretrain.evaluation import Accuracy
    scores = torch.tensor([record.scores for record in records])
    truth = torch.tensor([record.truth for record in records])
    top = {k: Accuracy.calculate(scores, truth, topk=(min(k, scores.shape[1]),), thrs=(None,))[0][0] for k in (1, 5)}
    return {f'accuracy_top{k}': float(value) * len(records) / (len(records) + failed) for k, value in top.items()}


def costs(records: Collection[Record]) -> dict[str, float]:
    """Mean seconds and network evaluations an image, what all images share, and how many there are."""
    spent = [(record.seconds, record.nfe) for record in records] or [(0.0, 0.0)]
    seconds, nfe = np.mean(spent, axis=0)
    return dict(seconds_per_image=float(seconds), nfe_per_image=float(nfe),
                shared_nfe=max((record.shared_nfe for record in records), default=0), images=len(records))
