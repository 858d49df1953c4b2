"""Ending on a signal, and the command that goes on from there."""
import os
import shlex
import signal
import sys
import threading
from contextlib import contextmanager

RESUME = 'test_cfg.resume=True'


ENDING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def ends_on_signals():
    """SIGINT and SIGTERM end the process by SystemExit with 130 and 143, at once; images in flight are lost."""
    def end(number, frame):
        raise SystemExit(128 + number)
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, end) for number in ENDING}
    _owners.append(os.getpid())
    try:
        yield
    finally:
        _owners.pop()
        for number, handler in before.items():
            signal.signal(number, handler)


_owners: list[int] = []


def _hold_signals() -> None:
    """Around a fork: one that meets a worker before it has its own handlers would be lost."""
    if _owners:
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)


def _take_signals() -> None:
    if _owners:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def _end_workers_as_usual() -> None:
    """In a forked worker: its status would be an error of this process, and a handler of Python's comes too late for a
    pool's worker that waits for a lock."""
    if _owners:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _take_signals()


os.register_at_fork(before=_hold_signals, after_in_parent=_take_signals, after_in_child=_end_workers_as_usual)


def with_resume(arguments: list[str]) -> list[str]:
    """A command line of the framework's test.py that goes on where an earlier one ended."""
    if RESUME in arguments or '--resume' in arguments:
        return arguments
    if '--cfg-options' not in arguments:
        return [*arguments, '--cfg-options', RESUME]
    place = arguments.index('--cfg-options') + 1
    return [*arguments[:place], RESUME, *arguments[place:]]


def resume_command(by_itself: bool = False) -> str:
    """What to type after this process has ended: what was typed, with `RESUME` unless it resumes `by_itself`.

    Not `sys.argv`, in which the framework's tool stands where ours was typed. Of several processes that torchrun
    started on this machine, the command that starts as many.
    """
    python, *arguments = sys.orig_argv
    launcher = []
    if 'TORCHELASTIC_RUN_ID' in os.environ:
        launcher = ['-m', 'torch.distributed.run', f'--nproc_per_node={os.environ["LOCAL_WORLD_SIZE"]}']
        arguments = arguments[1:] if arguments[0] == '-u' else arguments  # which torchrun puts in front
    return shlex.join([python, *launcher, *(arguments if by_itself else with_resume(arguments))])
