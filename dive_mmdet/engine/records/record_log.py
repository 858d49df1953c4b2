"""The append-only log of a run: a finished image is on disk at once, whole or not at all."""
import fcntl
import os
import socket
import struct
import time
from pathlib import Path

from .fingerprint import changes, digest
from .record import Image
from .record_index import Place, RecordIndex
from .record_lines import encode
from .regular_sync import RegularSync

FLOCK = 'hhqqi'  # struct flock of 64-bit Linux: type, whence, start, length, process


class StoreError(RuntimeError):
    """One sentence: why the store cannot be used or written, and what to do."""


class RecordLog:
    """Records of one run in a folder, one file a rank; only this rank's file is written.

    Opening takes the lock and reads what all ranks of earlier runs left; `begin` writes. Between the two all ranks
    must have opened.

    Args:
        folder: made where there is none.
        parts: what decides a result, see `fingerprint_parts`.
        rank, ranks: of this process, and how many there are; earlier runs may have had other numbers.
        sync_seconds: at most so long a finished image may wait for fsync, however long the next one takes; a killed
            process loses none in between, a machine without power may.

    Raises:
        ValueError: `sync_seconds` is negative or no number.
        StoreError: another process writes here, or the stored images were made with something else.
    """

    def __init__(self, folder: Path, parts: dict[str, str], rank: int = 0, ranks: int = 1, sync_seconds: float = 5.0):
        if not isinstance(sync_seconds, (int, float)) or not 0 <= sync_seconds < float('inf'):
            raise ValueError(f'sync_seconds is {sync_seconds!r}: give seconds, 0 or more.')
        self.folder, self.parts, self.key = Path(folder), parts, digest(parts)
        self.rank, self.ranks, self.sync_seconds = rank, ranks, sync_seconds
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path = self.folder / f'rank_{rank}.jsonl'
        self._file = self._sync = None
        self._lock = _lock(self.folder / f'rank_{rank}.lock')
        try:
            if rank == 0:
                self._require_that_no_other_rank_is_left()
            self.index = RecordIndex(self.folder)
            self._require_same_parts()
        except BaseException:
            self.close()
            raise

    def _require_that_no_other_rank_is_left(self) -> None:
        for path in self.folder.glob('rank_*.lock'):
            if int(path.stem.removeprefix('rank_')) >= self.ranks:
                os.close(_lock(path))

    def _require_same_parts(self) -> None:
        other = self.index.keys - {self.key}
        if other:
            before = [session['parts'] for session in self.index.sessions if session['key'] in other]
            what = changes(before[-1], self.parts) if before else 'the record of what made them is damaged'
            raise StoreError(f'{self.folder} holds {len(self.index.results)} images that were made with something '
                             f'else ({what}): give another --work-dir, or undo the change.')

    def begin(self, **session) -> None:
        """Drop what was torn off this rank's file, and note that a run begins, with plain data about it."""
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self._end = self.index.torn.get(self.path, os.fstat(self._file).st_size)
        os.ftruncate(self._file, self._end)
        self._sync = RegularSync(self._file, self.sync_seconds)
        self.append(dict(session=dict(session, time=time.time(), process=os.getpid(), host=socket.gethostname(),
                                      rank=self.rank, ranks=self.ranks, parts=self.parts)))

    def get(self, image: Image, content: str | None = None) -> dict | None:
        """What was stored for a finished image of that content, None where there is nothing or where it was damaged.

        It becomes the image's latest record, as it is in this run.
        """
        place = self.index.find(image, content)
        record = place and place.read()
        if record and self.index.finished.get(image) != place:
            self.append({name: value for name, value in record.items() if name not in ('key', 'again')})
        return record

    def append(self, record: dict) -> None:
        """Write a record at once.

        Raises:
            StoreError: it does not fit, or earlier ones did not reach the disk; the file stays as it was.
        """
        line = encode(dict(record, key=self.key))
        try:
            rest = line
            while rest:
                rest = rest[os.write(self._file, rest):]
            self._sync.written()
        except OSError as error:
            os.ftruncate(self._file, self._end)
            raise self._unwritable(error) from None
        self.index.add(dict(record, key=self.key), Place(self.path, self._end, len(line)))
        self._end += len(line)

    def close(self) -> None:
        """Bring everything to disk and give the lock back.

        Raises:
            StoreError: not everything did reach the disk.
        """
        try:
            if self._sync is not None:
                self._sync.close()
        except OSError as error:
            raise self._unwritable(error) from None
        finally:
            for file in (self._file, self._lock):
                if file is not None:
                    os.close(file)

    def _unwritable(self, error: OSError) -> StoreError:
        return StoreError(f'{self.path} cannot be written ({error.strerror}): the {len(self.index.results)} finished '
                          'images are stored, so make room and resume.')


def holder(path: Path) -> int | None:
    """The process that holds a lock, None where none does; asked without taking it.

    Not for the process that holds it: it would see none, and lose it as the file is closed.
    """
    with path.open('rb') as file:
        asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, *_, process = struct.unpack(FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
    return None if kind == fcntl.F_UNLCK else process


def _lock(path: Path) -> int:
    """A lock that ends with this process, and is not inherited by its workers."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        owner = os.read(file, 200).decode(errors='replace') or 'another process'
        os.close(file)
        raise StoreError(f'{path.parent} is being written by {owner}: wait for it, end it, or give another '
                         '--work-dir.') from None
    os.ftruncate(file, 0)
    os.pwrite(file, f'process {os.getpid()} on {socket.gethostname()}'.encode(), 0)
    return file
