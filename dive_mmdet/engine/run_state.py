"""What a work dir says of a run, from its files alone."""
import socket
import time
from pathlib import Path

from .metrics_so_far import metrics_so_far
from .records.record_index import RecordIndex
from .records.record_log import holder


class RunState:
    """A running or dead test.

    Args:
        work_dir: of the test.

    Raises:
        FileNotFoundError: no run of `ResumableTestLoop` began there.
    """

    def __init__(self, work_dir: Path):
        self.folder = Path(work_dir) / 'records'
        self.index = RecordIndex(self.folder)
        if not self.index.sessions:
            raise FileNotFoundError(f'{work_dir} holds no records: give the --work-dir of a test with '
                                    'dive_mmdet.ResumableTestLoop.')
        started = self.index.sessions[-1]['time']
        self.session = self.index.sessions[-1]
        self.records = {image: place.read() for image, place in self.index.finished.items()}
        self.failures = {image: place.read()['failure'] for image, place in self.index.failed.items()}
        every = list(self.records.values())
        self.latest = [record for record in every if record['time'] >= started] or every

    @property
    def images(self) -> int:
        """Of the data set."""
        return self.session['images']

    @property
    def alive(self) -> bool | None:
        """Whether any rank still holds its lock; None where it ran on another machine.

        Not whether there is a process of that number: after a restart of the machine another one may have it.
        """
        if self.session['host'] != socket.gethostname():
            return None
        return any(holder(path) is not None for path in self.folder.glob('rank_*.lock'))

    @property
    def seconds_per_image(self) -> float:
        """Of the last run, by all its ranks together, or of those before where it computed none; nan where none did."""
        if not self.latest:
            return float('nan')
        return sum(record['seconds'] for record in self.latest) / len(self.latest) / self.session['ranks']

    @property
    def silent_for(self) -> float:
        """Seconds since the last run began or finished an image."""
        return time.time() - max([self.session['time'], *(record['time'] for record in self.latest)])

    def metrics(self) -> dict[str, float]:
        """See `metrics_so_far`."""
        return metrics_so_far(self.records, list(self.failures), self.session['annotations'], self.session['classes'])
