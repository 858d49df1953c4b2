"""What a work dir says of a run, from its files alone."""
import contextlib
import io
import os
import socket
import time
from pathlib import Path

from .record_index import RecordIndex


class RunState:
    """A running or dead test.

    Args:
        work_dir: of the test.

    Raises:
        FileNotFoundError: no run of `ResumableTestLoop` began there.
    """

    def __init__(self, work_dir: Path):
        self.index = RecordIndex(Path(work_dir) / 'records')
        if not self.index.sessions:
            raise FileNotFoundError(f'{work_dir} holds no records: give the --work-dir of a test with '
                                    'dive_mmdet.ResumableTestLoop.')
        started = self.index.sessions[-1]['time']
        self.session = self.index.sessions[-1]
        self.records = {image: place.read() for image, place in self.index.finished.items()}
        self.failures = {image: place.read()['failure'] for image, place in self.index.failed.items()}
        self.latest = [record for record in self.records.values() if record['time'] >= started]

    @property
    def images(self) -> int:
        """Of the data set."""
        return self.session['images']

    @property
    def alive(self) -> bool | None:
        """Whether the last run still has its process; None where it ran on another machine."""
        if self.session['host'] != socket.gethostname():
            return None
        try:
            os.kill(self.session['process'], 0)
        except ProcessLookupError:
            return False
        return True

    @property
    def seconds_per_image(self) -> float:
        """Of the last run, by all its ranks together; nan where it finished none."""
        if not self.latest:
            return float('nan')
        return sum(record['seconds'] for record in self.latest) / len(self.latest) / self.session['ranks']

    @property
    def silent_for(self) -> float:
        """Seconds since the last run began or finished an image."""
        return time.time() - max([self.session['time'], *(record['time'] for record in self.latest)])

    def metrics(self) -> dict[str, float]:
        """Of the finished images alone: accuracy in percent, or COCO's AP in [0, 1]; none where nothing was found."""
        if any('truth' in record for record in self.records.values()):
            right = [record['found']['fields']['pred_label']['tensor'] == record['truth']
                     for record in self.records.values()]
            return dict(accuracy=100 * sum(right) / len(right))
        return average_precision(self.records, self.session['annotations'], self.session['classes'])


def average_precision(records: dict[int, dict], annotations: str, classes: list[str]) -> dict[str, float]:
    """AP and AP at IoU 0.5 over the images that have a record, by pycocotools."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(annotations)
        categories = coco.getCatIds(catNms=classes)
        found = [dict(image_id=image, category_id=categories[label], score=score,
                      bbox=[box[0], box[1], box[2] - box[0], box[3] - box[1]])
                 for image, record in records.items()
                 for box, score, label in zip(*(record['found']['fields']['pred_instances']['instances'][name]['tensor']
                                                for name in ('bboxes', 'scores', 'labels')))]
        if not found:
            return {}
        judge = COCOeval(coco, coco.loadRes(found), 'bbox')
        judge.params.imgIds, judge.params.catIds = sorted(records), categories
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return dict(AP=float(judge.stats[0]), AP_50=float(judge.stats[1]))
