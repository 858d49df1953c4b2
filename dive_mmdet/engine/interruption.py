"""Ending on a signal, and the command that goes on from there."""
import shlex
import signal
import sys
import threading
from contextlib import contextmanager

RESUME = 'test_cfg.resume=True'


@contextmanager
def ends_on_signals():
    """SIGINT and SIGTERM end the process by SystemExit with 130 and 143, at once; images in flight are lost."""
    def end(number, frame):
        raise SystemExit(128 + number)
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def with_resume(arguments: list[str]) -> list[str]:
    """A command line of the framework's test.py that goes on where an earlier one ended."""
    if RESUME in arguments:
        return arguments
    if '--cfg-options' not in arguments:
        return [*arguments, '--cfg-options', RESUME]
    place = arguments.index('--cfg-options') + 1
    return [*arguments[:place], RESUME, *arguments[place:]]


def resume_command() -> str:
    """What to type after this process has ended."""
    return shlex.join(['python', *with_resume(sys.argv)])
