"""What a running test says about itself."""
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta


class Progress:
    """Counts images and says how far they are, from a thread of its own: an image may take longer than a line.

    Args:
        say: gets a line at least every `log_seconds`.
        total: images of this rank.
        log_seconds: between two lines.
        title: in front of every line.

    Raises:
        ValueError: `log_seconds` is not positive or no number.
    """

    def __init__(self, say: Callable[[str], None], total: int, log_seconds: float, title: str):
        if not isinstance(log_seconds, (int, float)) or not 0 < log_seconds < float('inf'):
            raise ValueError(f'log_seconds is {log_seconds!r}: give more than 0 seconds.')
        self.say, self.total, self.log_seconds, self.title = say, total, log_seconds, title
        self.stored = self.computed = self.failed = 0
        self.seconds = self.nfe = 0.0
        self.metric = ''
        self._began = self._last = time.monotonic()
        self._ended = threading.Event()
        self._live = sys.stderr.isatty()

    @property
    def done(self) -> int:
        """Images that are finished or given up."""
        return self.stored + self.computed + self.failed

    def add(self, seconds: float, nfe: float) -> None:
        """An image was computed."""
        self.computed, self.seconds, self.nfe = self.computed + 1, self.seconds + seconds, self.nfe + nfe
        self._last = time.monotonic()
        if self.computed == 1:
            self.say(self.line())

    def scalars(self) -> dict[str, float]:
        """Means over the images that were computed."""
        count = max(1, self.computed)
        return dict(images=self.done, failures=self.failed, seconds_per_image=self.seconds / count,
                    nfe_per_image=self.nfe / count)

    def line(self) -> str:
        """One line."""
        now = self.scalars()
        if not self.computed and self.done < self.total:  # the first ones, on which a compiler may work too
            return f'{self.title}{self.done}/{self.total} images, {time.monotonic() - self._began:.0f} s so far'
        eta = timedelta(seconds=round(now['seconds_per_image'] * (self.total - self.done)))
        going = time.monotonic() - self._last  # what moves while a batch is searched
        parts = [f'{self.title}{self.done}/{self.total} images',
                 f'the next for {going:.0f} s' * (self.done < self.total and going >= 1),
                 f'{self.stored} from the store' * bool(self.stored),
                 f'{self.failed} failed' * bool(self.failed), f'eta {eta}',
                 f'{now["seconds_per_image"]:.2f} s and {now["nfe_per_image"]:.0f} evaluations an image',
                 self.metric]
        return ', '.join(part for part in parts if part)

    def __enter__(self) -> 'Progress':
        self._thread = threading.Thread(target=self._speak, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        self._thread.join()
        if self._live:
            print(file=sys.stderr)
        if not self.metric.endswith(f'of the first {self.done}'):  # the whole run's follows
            self.metric = ''
        self.say(self.line())

    def _speak(self) -> None:
        wait, since = min(1.0, self.log_seconds) if self._live else self.log_seconds, 0.0
        while not self._ended.wait(wait):
            since += wait
            if self._live:
                print(f'\r\033[K{self.line()}', end='', file=sys.stderr, flush=True)
            if since >= self.log_seconds:
                since = 0.0
                self.say(self.line())
