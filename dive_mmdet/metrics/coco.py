"""COCO's metrics, wherever this project takes them: mmdet's `CocoMetric` on the images that were tested."""
import contextlib
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

import numpy as np
import torch
from mmdet.evaluation import CocoMetric
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch.utils.data import Dataset

from dive_mmdet.datasets.annotation_file import AnnotationFile
from dive_mmdet.registry import METRICS

ITEMS = ('mAP', 'mAP_50', 'mAP_75', 'AR@100')


@METRICS.register_module()
class TestedCocoMetric(CocoMetric):
    """mmdet's `CocoMetric`, which judges exactly the images that were tested, and finding nothing as 0.

    mmdet's judges all images of the annotation file, also where some were left out, and has no result where nothing was
    detected.

    Args:
        ann_file: annotations in COCO format, see `AnnotationFile`.
        options: as of `CocoMetric`.
    """
    __test__ = False  # no class of tests

    def __init__(self, ann_file: str, **options):
        super().__init__(**options)
        self.ann_file, self._coco_api = ann_file, AnnotationFile(ann_file)

    def require_images(self, dataset: Dataset) -> None:
        """Refuse a data set of which an image is not in the annotation file, before one is tested.

        Raises:
            ValueError: names the image.
        """
        for index in range(len(dataset)):
            info = dataset.get_data_info(index)
            self._require_image(info['img_id'], info.get('img_path'))

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Take the predictions of a batch."""
        for sample in data_samples:
            self._require_image(sample['img_id'], sample.get('img_path'))
        super().process(data_batch, data_samples)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Metrics of the images of `results`, (ground truth, prediction) of each."""
        self.img_ids = sorted({found['img_id'] for _, found in results}, key=str)
        with contextlib.redirect_stdout(io.StringIO()):
            metrics = super().compute_metrics(results)
        if not metrics and not self.format_only:
            metrics = {f'{kind}_{item}': 0.0 for kind in self.metrics if kind in ('bbox', 'segm')
                       for item in self.metric_items or ('mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l')}
        return metrics

    def _require_image(self, image: int | str, path: str | None) -> None:
        annotated = self._coco_api.imgs.get(image)
        name = annotated and annotated.get('file_name', '')
        if annotated is None or (path and name and PurePath(path).name != PurePath(name).name):
            what = 'it does not have' if annotated is None else f'which is {name} there'
            raise ValueError(f'The evaluator judges by {self.ann_file}, and image {image} of the data set '
                             f'({path}) is one {what}: give test_evaluator.ann_file the annotations of the data set.')


def coco_scores(detections: Mapping[int | str, Iterable[tuple]], ann_file: str,
                classes: Sequence[str]) -> dict[str, float]:
    """bbox_mAP, bbox_mAP_50, bbox_mAP_75 and AR, in [0, 1], of detections by image; -1 where no object is annotated.

    Args:
        detections: of each image that is judged, (box in pixels x0, y0, x1, y1, score, label) each.
        ann_file: annotations in COCO format.
        classes: of the labels, as named there.
    """
    metric = TestedCocoMetric(ann_file, metric='bbox', metric_items=list(ITEMS))
    metric.dataset_meta = dict(classes=tuple(classes))
    for image, found in detections.items():
        found = list(found)
        boxes, scores, labels = zip(*found) if found else ((), (), ())
        instances = dict(bboxes=torch.tensor(boxes).reshape(-1, 4), scores=torch.tensor(scores),
                         labels=torch.tensor(labels, dtype=torch.long))
        metric.process({}, [dict(img_id=image, ori_shape=(0, 0), pred_instances=instances)])
    # Not `evaluate`, by which several processes would wait for each other.
    return shortened(metric.compute_metrics(metric.results))


def shortened(metrics: Mapping[str, float]) -> dict[str, float]:
    """COCO's metrics under the names of this project's tables."""
    return {name.rpartition('/')[2].replace('bbox_AR@100', 'AR'): float(value) for name, value in metrics.items()}


class CocoBootstrap:
    """bbox_mAP of images drawn with replacement; their matches with the annotations are made once.

    Args:
        ann_file: annotations in COCO format.
        detections: see `coco_scores`; of all its images.
        classes: of the labels, as named there.

    Raises:
        ValueError: an annotated image has no detections.
    """

    def __init__(self, ann_file: str, detections: Mapping[int | str, Iterable[tuple]], classes: Sequence[str]):
        coco = AnnotationFile(ann_file)
        missing = [image for image in coco.getImgIds() if image not in detections]
        if missing:
            raise ValueError(f'{len(missing)} images of {ann_file} were not tested, the first is {missing[0]}: finish '
                             'the run, or give the annotations of its images.')
        categories = coco.getCatIds(catNms=list(classes))
        found = [dict(image_id=image, category_id=categories[label], score=score,
                      bbox=[box[0], box[1], box[2] - box[0], box[3] - box[1]])
                 for image in coco.getImgIds() for box, score, label in detections[image]]
        with contextlib.redirect_stdout(io.StringIO()):
            self.judge = COCOeval(coco, coco.loadRes(found) if found else COCO(), 'bbox')
            self.judge.evaluate()
        params = self.judge.params
        self.count = len(params.imgIds)
        self.matches = np.array(self.judge.evalImgs, dtype=object).reshape(
            len(params.catIds), len(params.areaRng), self.count)

    def bbox_map(self, chosen: np.ndarray) -> float:
        """bbox_mAP over images by their place in the file; an image drawn twice is two images."""
        judge = self.judge
        judge.params.imgIds = judge._paramsEval.imgIds = list(range(len(chosen)))
        judge.evalImgs = list(self.matches[:, :, chosen].reshape(-1))
        with contextlib.redirect_stdout(io.StringIO()):
            judge.accumulate()
        precision = judge.eval['precision'][:, :, :, 0, -1]
        return float(precision[precision > -1].mean())
