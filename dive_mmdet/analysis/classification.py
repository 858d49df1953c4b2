"""Classifiers compared on the same images."""
from collections.abc import Sequence

import numpy as np

from dive_mmdet.engine.records.record import Record


def paired_difference(records: Sequence[Record], others: Sequence[Record]) -> dict[str, float]:
    """Top-1 accuracy less that of others on the same images in percent, and its 95 % interval (paired, normal)."""
    right, right_of_others = (np.array([record.label == record.truth for record in group], dtype=float)
                              for group in (records, others))
    difference = 100 * (right - right_of_others)
    mean, half = difference.mean(), 1.96 * difference.std(ddof=1) / len(difference) ** 0.5
    return dict(difference=float(mean), low=float(mean - half), high=float(mean + half))


def accuracy_after(records: Sequence[Record], nfe: np.ndarray, per_class: int = 1) -> np.ndarray:
    """Top-1 accuracy in percent if every search stopped after so many evaluations, (B,) -> (B,).

    A search's answers are conditions, of which `per_class` mean a class, such as several prompts. Before its first
    answer a search is wrong. Classifiers without a search have answered from the start.
    """
    right = np.zeros((len(records), len(nfe)))
    for row, record in zip(right, records):
        trace = (record.inversion or {}).get('trace') or [(0, 0.0, [record.label])]
        spent, answers = np.array([moment[0] for moment in trace]), np.array([moment[2][0] for moment in trace])
        answers = answers // per_class if record.inversion else answers
        last = np.searchsorted(spent, nfe, side='right') - 1
        row[:] = (last >= 0) & (answers[last] == record.truth)
    return 100 * right.mean(axis=0)
