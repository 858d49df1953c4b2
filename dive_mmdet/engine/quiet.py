"""What the frameworks print beside what a tool has to say."""
import contextlib
import io
import sys
import warnings
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def quiet(show: Callable[[str], None] | None) -> Iterator[Callable[[str], None] | None]:
    """Keep standard output for `show`, which is yielded as it works inside, and drop warnings; None changes nothing."""
    if show is None:
        yield None
        return
    terminal = sys.stdout

    def said(line: str) -> None:
        with contextlib.redirect_stdout(terminal):
            show(line)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        yield said
