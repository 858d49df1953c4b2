"""What was written reaches the disk in time, however long it is until more is written."""
import os
import threading


class RegularSync:
    """Brings a file to disk at most some seconds after it was written, from a thread of its own.

    Args:
        file: descriptor, open until after `close`.
        seconds: that a write may wait, of which all share one fsync; 0 has every write wait for its own.
    """

    def __init__(self, file: int, seconds: float):
        self.file, self.seconds = file, seconds
        self._error: OSError | None = None
        self._written, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._sync_in_time, daemon=True)
        self._thread.start()

    def written(self) -> None:
        """To be called after every write.

        Raises:
            OSError: what was written, now or earlier, did not reach the disk.
        """
        if self._error is not None:
            raise self._error
        if self.seconds:
            self._written.set()
        else:
            os.fsync(self.file)

    def close(self) -> None:
        """Sync what is left; raises as `written`."""
        self._ended.set()
        self._written.set()
        self._thread.join()
        if self._error is not None:
            raise self._error
        os.fsync(self.file)

    def _sync_in_time(self) -> None:
        while self._written.wait() and not self._ended.wait(self.seconds):
            self._written.clear()
            try:
                os.fsync(self.file)
            except OSError as error:  # the kernel tells it once, and a later fsync would succeed without the bytes
                self._error = error
