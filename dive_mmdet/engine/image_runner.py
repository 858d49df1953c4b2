"""Runs a detector over a data set with every finished image on disk, and scores what is there."""
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, DefaultScope

from dive_mmdet.checkpoints.untrusted import guard_loading

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
    set_precision(cfg, precision)
    cfg.test_cfg = dict(type='TestLoop')  # decides no result here, and records of before it was changed stay valid
    cfg.pop('model_wrapper_cfg', None)  # nor does it
    store = RecordStore(out, fingerprint(cfg.pretty_text, checkpoint))
    dataset_cfg = cfg.test_dataloader.dataset
    if ann_file is not None:
        dataset_cfg.ann_file = ann_file
    with DefaultScope.overwrite_default_scope('mmdet'):
        dataset = DATASETS.build(dataset_cfg)

    def build() -> Callable[[list[int]], list[dict]]:
        from mmdet.apis import init_detector
        guard_loading()
        model = init_detector(cfg, checkpoint, device='cuda:0' if torch.cuda.is_available() else 'cpu')
        return lambda places: [_record(sample) for sample in model.test_step(
            pseudo_collate([dataset[place] for place in places]))]

    ids = [dataset.get_data_info(index)['img_id'] for index in range(len(dataset))]
    return run_missing(store, ids, batch_size or cfg.test_dataloader.batch_size, build, show)


def set_precision(cfg: Config, precision: str | None) -> None:
    """Set the precision of a config's objective, where one is given."""
    for hook in [*cfg.get('custom_hooks', []), *cfg.model.get('hooks', [])] if precision else ():
        if 'objective' in hook:
            hook.objective.precision = precision


def run_missing(store: RecordStore, ids: Sequence[int], batch_size: int, build: Callable[[], Callable],
                show: Callable[[str], None]) -> list[dict]:
    """Records of images, computed where the store has none and written batch by batch.

    Args:
        store: of the records.
        ids: of the images.
        batch_size: images at once.
        build: called once if a record is missing; what it returns makes records of places in `ids`.
        show: called with a line of progress.

    Returns:
        records in the order of `ids`, with their `img_id` and the `seconds` that each took.
    """
    records = [store.get(image_id) for image_id in ids]
    todo = [place for place, record in enumerate(records) if record is None]
    if len(todo) < len(ids):
        show(f'{len(ids) - len(todo)} of {len(ids)} images were finished before')
    if not todo:
        return records
    predict, start = build(), time.monotonic()
    for begin in range(0, len(todo), batch_size):
        part = todo[begin:begin + batch_size]
        tick = time.monotonic()
        with torch.no_grad():
            found = predict(part)
        seconds = (time.monotonic() - tick) / len(part)
        for place, record in zip(part, found):
            records[place] = store.put(ids[place], dict(record, img_id=int(ids[place]), seconds=seconds))
        done, spent = begin + len(part), time.monotonic() - start
        show(f'{done}/{len(todo)} images, {seconds:.2f} s an image, {spent:.0f} s, '
             f'{spent / done * (len(todo) - done):.0f} s to go')
    return records


def _record(sample) -> dict:
    found = sample.pred_instances
    return dict(nfe=float(sample.get('nfe', 0)), inversion=sample.get('inversion', None), bboxes=found.bboxes.tolist(),
                scores=found.scores.tolist(), labels=found.labels.tolist())


def evaluate_records(records: list[dict], ann_file: str, classes: tuple[str, ...]) -> dict[str, float]:
    """COCO metrics of records by mmdet's CocoMetric: bbox_mAP, bbox_mAP_50, bbox_mAP_75 and AR in [0, 1]."""
    from mmdet.evaluation import CocoMetric
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
