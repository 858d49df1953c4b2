"""Runs a detector over a data set with every finished image on disk, and scores what is there."""
import time
from pathlib import Path

import numpy as np
import torch
from mmdet.apis import init_detector
from mmdet.evaluation import CocoMetric
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, DefaultScope

from dive_mmdet.diffusion.untrusted import guard_loading

from .record_store import RecordStore, fingerprint


def run_images(config: str, checkpoint: str, out: Path, ann_file: str | None = None, batch_size: int | None = None,
               precision: str | None = None, cfg_options: dict | None = None, show=print) -> list[dict]:
    """Predict every image of the test set; images finished by an earlier call are not computed again.

    Args:
        config: config file of any mmdet detector.
        checkpoint: its weights.
        out: folder of the records.
        ann_file: annotation file relative to the data root, instead of the config's.
        batch_size: instead of the config's.
        precision: of a DIVE objective, `float32` or `bfloat16`, instead of the config's.
        cfg_options: as of the command line.
        show: called with a line of progress.

    Returns:
        records in the order of the data set: `img_id`, `bboxes` (k x 4, pixels), `scores`, `labels`, `seconds`, `nfe`
        (0 for detectors that count none) and `inversion`, what the search found.
    """
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(cfg_options or {})
    for hook in [*cfg.get('custom_hooks', []), *cfg.model.get('hooks', [])] if precision else ():
        if 'objective' in hook:
            hook.objective.precision = precision
    cfg.test_cfg = dict(type='TestLoop')  # decides no result here, and records of before it was changed stay valid
    key = fingerprint(cfg.pretty_text, checkpoint)
    store = RecordStore(out, key)
    dataset_cfg = cfg.test_dataloader.dataset
    if ann_file is not None:
        dataset_cfg.ann_file = ann_file
    with DefaultScope.overwrite_default_scope('mmdet'):
        dataset = DATASETS.build(dataset_cfg)
    ids = [dataset.get_data_info(index)['img_id'] for index in range(len(dataset))]
    records = [store.get(image_id) for image_id in ids]
    todo = [index for index, record in enumerate(records) if record is None]
    if len(todo) < len(ids):
        show(f'{len(ids) - len(todo)} of {len(ids)} images were finished before')
    if not todo:
        return records
    guard_loading()
    model = init_detector(cfg, checkpoint, device='cuda:0' if torch.cuda.is_available() else 'cpu')
    size, start = batch_size or cfg.test_dataloader.batch_size, time.monotonic()
    for begin in range(0, len(todo), size):
        part = todo[begin:begin + size]
        tick = time.monotonic()
        with torch.no_grad():
            samples = model.test_step(pseudo_collate([dataset[index] for index in part]))
        seconds = (time.monotonic() - tick) / len(part)
        for index, sample in zip(part, samples):
            records[index] = store.put(ids[index], _record(ids[index], sample, seconds))
        done, spent = begin + len(part), time.monotonic() - start
        show(f'{done}/{len(todo)} images, {seconds:.2f} s an image, {spent:.0f} s, '
             f'{spent / done * (len(todo) - done):.0f} s to go')
    return records


def _record(image_id: int, sample, seconds: float) -> dict:
    found = sample.pred_instances
    return dict(img_id=int(image_id), seconds=seconds, nfe=float(sample.get('nfe', 0)),
                inversion=sample.get('inversion', None), bboxes=found.bboxes.tolist(), scores=found.scores.tolist(),
                labels=found.labels.tolist())


def evaluate_records(records: list[dict], ann_file: str, classes: tuple[str, ...]) -> dict[str, float]:
    """COCO metrics of records by mmdet's CocoMetric: bbox_mAP, bbox_mAP_50, bbox_mAP_75 and AR in [0, 1]."""
    metric = CocoMetric(ann_file=ann_file, metric='bbox', metric_items=['mAP', 'mAP_50', 'mAP_75', 'AR@100'])
    metric.dataset_meta = dict(classes=classes)
    for record in records:
        found = dict(bboxes=torch.tensor(record['bboxes']).reshape(-1, 4), scores=torch.tensor(record['scores']),
                     labels=torch.tensor(record['labels'], dtype=torch.long))
        metric.process({}, [dict(img_id=record['img_id'], ori_shape=(0, 0), pred_instances=found)])
    scores = metric.evaluate(size=len(records))
    return dict(bbox_mAP=scores['coco/bbox_mAP'], bbox_mAP_50=scores['coco/bbox_mAP_50'],
                bbox_mAP_75=scores['coco/bbox_mAP_75'], AR=scores['coco/bbox_AR@100'],
                seconds_per_image=float(np.mean([record['seconds'] for record in records])),
                nfe_per_image=float(np.mean([record['nfe'] for record in records])), images=len(records))
