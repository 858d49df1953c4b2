"""Runs a classifier over a data set with every finished image on disk, and scores what is there."""
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmengine.registry import DATASETS, DefaultScope
from mmpretrain.apis import get_model
from mmpretrain.evaluation import Accuracy

from dive_mmdet.checkpoints.untrusted import guard_loading
from dive_mmdet.engine.image_runner import run_missing, set_precision
from dive_mmdet.engine.record_store import RecordStore, fingerprint


def classify_images(cfg: Config, checkpoint: str, out: Path, indices: Sequence[int], precision: str | None = None,
                    batch_size: int | None = None, show: Callable = print,
                    prepare: Callable | None = None) -> list[dict]:
    """Predict images of the test set; images finished by an earlier call are not computed again.

    Args:
        cfg: of any mmpretrain classifier.
        checkpoint: its weights.
        out: folder of the records.
        indices: of images in the test set.
        precision: of a DIVE objective, `float32` or `bfloat16`, instead of the config's.
        batch_size: instead of the config's.
        show: called with a line of progress.
        prepare: called with the model once its weights are loaded.

    Returns:
        records in the order of `indices`: `img_id`, `truth`, `label`, `scores` of the best five classes and which
        (`best`), `seconds`, `nfe` (0 for classifiers that count none), `shared_nfe` of all images together, and
        `trace`, the course of the search.
    """
    set_precision(cfg, precision)

    def build() -> Callable[[list[int]], list[dict]]:
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            dataset = DATASETS.build(cfg.test_dataloader.dataset)
        guard_loading()
        model = get_model(cfg, pretrained=checkpoint, device='cuda:0' if torch.cuda.is_available() else 'cpu')
        if prepare is not None:
            prepare(model)

        def predict(places: list[int]) -> list[dict]:
            samples = model.test_step(default_collate([dataset[indices[place]] for place in places]))
            shared = getattr(getattr(model, 'inverter', None), 'shared_nfe', 0)
            return [_record(sample, shared) for sample in samples]
        return predict

    store = RecordStore(out, fingerprint(cfg.pretty_text, checkpoint))
    return run_missing(store, indices, batch_size or cfg.test_dataloader.batch_size, build, show)


def _record(sample, shared: int) -> dict:
    scores, best = sample.pred_score.topk(min(5, len(sample.pred_score)))
    return dict(truth=int(sample.gt_label), label=int(sample.pred_label), scores=scores.tolist(), best=best.tolist(),
                nfe=float(sample.get('nfe', 0)), shared_nfe=shared,
                trace=(sample.get('inversion') or {}).get('trace', []))


def evaluate(records: list[dict]) -> dict[str, float]:
    """Accuracies in percent by mmpretrain's `Accuracy`, and what an image cost."""
    truth = torch.tensor([record['truth'] for record in records])
    classes = 1 + max(int(truth.max()), max(max(record['best']) for record in records))
    scores = torch.zeros(len(records), max(classes, 5)).scatter_(
        1, torch.tensor([record['best'] for record in records]),
        1 + torch.tensor([record['scores'] for record in records]))
    top = Accuracy.calculate(scores, truth, topk=(1, 5), thrs=(None,))
    mean = {name: float(np.mean([record[name] for record in records])) for name in ('nfe', 'seconds')}
    return dict(accuracy_top1=float(top[0][0]), accuracy_top5=float(top[1][0]), nfe_per_image=mean['nfe'],
                seconds_per_image=mean['seconds'], shared_nfe=max(record['shared_nfe'] for record in records),
                images=len(records))


def paired_difference(records: list[dict], others: list[dict]) -> dict[str, float]:
    """Top-1 accuracy less that of others on the same images in percent, and its 95 % interval (paired, normal)."""
    right, right_of_others = (np.array([record['label'] == record['truth'] for record in group], dtype=float)
                              for group in (records, others))
    difference = 100 * (right - right_of_others)
    mean, half = difference.mean(), 1.96 * difference.std(ddof=1) / len(difference) ** 0.5
    return dict(difference=float(mean), low=float(mean - half), high=float(mean + half))


def accuracy_after(records: list[dict], nfe: np.ndarray) -> np.ndarray:
    """Top-1 accuracy in percent if every search stopped after so many evaluations, (B,) -> (B,).

    Before its first answer a search is wrong. Classifiers without a search have answered from the start.
    """
    right = np.zeros((len(records), len(nfe)))
    for row, record in zip(right, records):
        spent = np.array([moment[0] for moment in record['trace']] or [0])
        answers = np.array([moment[2][0] for moment in record['trace']] or [record['label']])
        last = np.searchsorted(spent, nfe, side='right') - 1
        row[:] = (last >= 0) & (answers[last] == record['truth'])
    return 100 * right.mean(axis=0)
