"""What a folder of record logs holds; reading needs no lock and changes nothing."""
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from .record import Image
from .record_lines import decode, image_of, read_lines


@dataclass(frozen=True)
class Place:
    """Where a record stands."""
    path: Path
    offset: int
    size: int

    def read(self) -> dict | None:
        """The record, None where it was damaged since."""
        with self.path.open('rb') as file:
            file.seek(self.offset)
            return decode(file.read(self.size))


class RecordIndex:
    """Where the records of a folder stand, by image; of an image the latest counts.

    Attributes:
        finished: places of results in runs of the last one's data set.
        failed: places of failures there.
        results: places of all results, by image and content.
        keys: fingerprints under which images were finished.
        sessions: what runs wrote when they began, in the order of time.
        damaged: a sentence on every record that is not as it was written; its image counts as not finished.
        torn: by file, where a last record begins that was cut off.
    """

    def __init__(self, folder: Path):
        self.finished: dict[Image, Place] = {}
        self.failed: dict[Image, Place] = {}
        self.results: dict[tuple[Image, str | None], Place] = {}
        self.keys: set[str] = set()
        self.sessions: list[dict] = []
        self.torn: dict[Path, int] = {}
        self._damaged: list[tuple[str, str | None]] = []
        read = [item for path in sorted(folder.glob('rank_*.jsonl')) for item in self._read(path)]
        for _, record, place in sorted(read, key=itemgetter(0)):
            self.add(record, place)

    def _read(self, path: Path) -> Iterator[tuple[float, dict, Place]]:
        """What `add` takes of each sound record, and when its session began."""
        began = 0.0
        for offset, line in read_lines(path):
            record = decode(line)
            if record is not None:
                began = max(began, record.get('session', {}).get('time', 0.0))
                if 'found' in record:
                    record['found'] = None  # large, and read again at its place
                yield began, record, Place(path, offset, len(line))
            elif not line.endswith(b'\n'):
                self.torn[path] = offset
            else:
                image = image_of(line)
                self._damaged.append((f'the record at byte {offset} of {path.name}, of '
                                      f'{f"image {image}" if image else "an image that cannot be read"}', image))

    def add(self, record: dict, place: Place) -> None:
        """Note a record that stands at a place, and is the latest."""
        if 'found' in record:
            self.finished[record['image']] = self.results[record['image'], record.get('content')] = place
            self.failed.pop(record['image'], None)
            self.keys.add(record['key'])
        elif 'failure' in record:
            self.failed[record['image']] = place
            self.finished.pop(record['image'], None)
        elif 'session' in record:
            session = record['session']
            if self.sessions and self.sessions[-1].get('data') != session.get('data'):  # ids of other images
                self.finished.clear()
                self.failed.clear()
            self.sessions.append(dict(session, key=record['key']))

    def find(self, image: Image, content: str | None) -> Place | None:
        """Where the result of an image of that content stands, None where there is none."""
        return self.results.get((image, content))

    @property
    def damaged(self) -> list[str]:
        """Only records that were not made anew since."""
        again = {f'"{image}"' if isinstance(image, str) else str(image) for image, _ in self.results}
        return [sentence for sentence, image in self._damaged if image not in again]
