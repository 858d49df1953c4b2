"""Metrics of the images that are finished, for a look at a run before its end."""
import contextlib
import io


def metrics_so_far(records: dict[int | str, dict], failed: list[int | str], annotations: str | None,
                   classes: list[str]) -> dict[str, float]:
    """Accuracy in percent where records hold the true class, else COCO's AP in [0, 1] by pycocotools.

    Args:
        records: of finished images, by image.
        failed: images that count as wrong, or as without detections.
        annotations: COCO file, None where there is none.
        classes: of the detections, as named in it.

    Returns:
        `accuracy`, or `AP` and `AP_50`; nothing where there is nothing to judge.
    """
    if any('truth' in record for record in records.values()):
        right = sum(record['found']['fields']['pred_label']['tensor'] == record['truth'] for record in records.values())
        return dict(accuracy=100 * right / (len(records) + len(failed)))
    return _average_precision(records, failed, annotations, classes) if annotations else {}


def _average_precision(records: dict, failed: list, annotations: str, classes: list[str]) -> dict[str, float]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(annotations)
        categories = coco.getCatIds(catNms=classes)
        found = [dict(image_id=image, category_id=categories[label], score=score,
                      bbox=[box[0], box[1], box[2] - box[0], box[3] - box[1]])
                 for image, record in records.items() for box, score, label in _detections(record)]
        if not found:
            return {}
        judge = COCOeval(coco, coco.loadRes(found), 'bbox')
        judge.params.imgIds, judge.params.catIds = sorted([*records, *failed]), categories
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    # COCOeval says -1 where no image holds an object.
    return dict(AP=float(judge.stats[0]), AP_50=float(judge.stats[1])) if judge.stats[0] >= 0 else {}


def _detections(record: dict):
    found = record['found']['fields'].get('pred_instances', {'instances': {}})['instances']
    return zip(*(found[name]['tensor'] for name in ('bboxes', 'scores', 'labels'))) if found else ()
