"""What a folder of record logs holds; reading needs no lock and changes nothing."""
from dataclasses import dataclass
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
    """Where the records of a folder stand, by image.

    Attributes:
        finished: places of the latest results.
        failed: places of the images that have a failure and no result.
        keys: fingerprints under which images were finished.
        sessions: what runs wrote when they began, in the order of time.
        damaged: a sentence on every record that is not as it was written; its image counts as not finished.
        torn: by file, where a last record begins that was cut off.
    """

    def __init__(self, folder: Path):
        self.finished: dict[Image, Place] = {}
        self._by_content: dict[tuple[Image, str | None], Place] = {}
        self.failed: dict[Image, Place] = {}
        self.keys: set[str] = set()
        self.sessions: list[dict] = []
        self.torn: dict[Path, int] = {}
        self._damaged: list[tuple[str, str | None]] = []
        for path in sorted(folder.glob('rank_*.jsonl')):
            for offset, line in read_lines(path):
                self._take(path, offset, line)
        self.sessions.sort(key=lambda session: session['time'])

    def _take(self, path: Path, offset: int, line: bytes) -> None:
        record = decode(line)
        if record is not None:
            self.add(record, Place(path, offset, len(line)))
        elif not line.endswith(b'\n'):
            self.torn[path] = offset
        else:
            image = image_of(line)
            self._damaged.append((f'the record at byte {offset} of {path.name}, of '
                                  f'{f"image {image}" if image else "an image that cannot be read"}', image))

    def add(self, record: dict, place: Place) -> None:
        """Note a record that stands at a place; a result outweighs a failure, whichever came first."""
        if 'found' in record:
            self.finished[record['image']] = place
            self._by_content[record['image'], record.get('content')] = place
            self.failed.pop(record['image'], None)
            self.keys.add(record['key'])
        elif 'failure' in record and record['image'] not in self.finished:
            self.failed[record['image']] = place
        elif 'session' in record:
            self.sessions.append(dict(record['session'], key=record['key']))

    def find(self, image: Image, content: str | None) -> Place | None:
        """Where the result of an image of that content stands, None where there is none."""
        return self._by_content.get((image, content))

    @property
    def damaged(self) -> list[str]:
        """Only records that were not made anew since."""
        again = {f'"{image}"' if isinstance(image, str) else str(image) for image in self.finished}
        return [sentence for sentence, image in self._damaged if image not in again]
