"""What a work dir says of a run, from its files alone."""
import socket
import time
from functools import cached_property
from pathlib import Path

from .records.record import Image, Record
from .records.record_index import RecordIndex
from .records.record_log import holder
from .scores import scores_of


class RunState:
    """A running, finished or dead test.

    Args:
        work_dir: of the test.

    Attributes:
        records: of the images of the last session that are finished, by image, in the order of its data set.
        failures: why images of it failed, by image.

    Raises:
        FileNotFoundError: no run began there.
    """

    def __init__(self, work_dir: Path):
        self.folder = Path(work_dir) / 'records'
        self.index = RecordIndex(self.folder)
        if not self.index.sessions:
            raise FileNotFoundError(f'{work_dir} holds no records: give the --work-dir of a test with '
                                    'dive_mmdet.ResumableTestLoop.')
        self.session = self.index.sessions[-1]
        plain = {image: place.read() for image, place in self.index.finished.items() if self._asked(image)}
        self.records = {image: Record.from_plain(plain[image]) for image in self.session.get('order') or plain
                        if plain.get(image)}
        self.failures = {image: place.read()['failure'] for image, place in self.index.failed.items()
                         if self._asked(image)}
        times = {image: record['time'] for image, record in plain.items() if record and 'time' in record}
        latest = [image for image, moment in times.items() if moment >= self.session['time']] or list(times)
        self.latest = [self.records[image] for image in latest]
        self._last = max([self.session['time'], *(times[image] for image in latest)])

    @cached_property
    def _wanted(self) -> set[Image] | None:
        return None if self.session.get('order') is None else set(self.session['order'])

    def _asked(self, image: Image) -> bool:
        """Whether an image belongs to the last session's data set; its store may hold more."""
        return self._wanted is None or image in self._wanted

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
        return sum(record.seconds for record in self.latest) / len(self.latest) / self.session['ranks']

    @property
    def silent_for(self) -> float:
        """Seconds since the last run began or finished an image."""
        return time.time() - self._last

    def metrics(self) -> dict[str, float]:
        """See `scores_of`."""
        return scores_of(self.records, list(self.failures), self.session['annotations'], self.session['classes'])
