"""Commands of the set-up, run in named stages that show that they live.

Only the standard library is used, and no syntax younger than Python 3.6.
"""
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Dict, Optional

HEARTBEAT_S = 20
FRESH_GB = 4.0  # of a set-up from nothing, without a CUDA build of torch
# What would make pip install elsewhere, or Python import from elsewhere, than in the virtual environment.
LEADING_OUT = ('PIP_USER', 'PIP_TARGET', 'PIP_PREFIX', 'PIP_ROOT', 'PYTHONPATH', 'PYTHONHOME', 'PYTHONUSERBASE',
               '__PYVENV_LAUNCHER__')


class SetupError(Exception):
    """One sentence: what is wrong and how to cure it."""


def isolated(environment: Dict[str, str]) -> Dict[str, str]:
    """`environment` with nothing in it that leads out of a virtual environment; pip refuses to run outside one."""
    kept = {name: value for name, value in environment.items() if name not in LEADING_OUT}
    return dict(kept, PYTHONNOUSERSITE='1', PIP_REQUIRE_VIRTUALENV='1')


class Stages:
    """Runs commands in a named stage, shows that they live, keeps their output in one log."""

    def __init__(self, log: Path, total: int):
        self.log, self.total, self.number = log, total, 0

    def begin(self, what: str) -> None:
        self.number += 1
        self.what, self.start = what, time.monotonic()
        print(f'[set-up {self.number}/{self.total}] {what} ...', flush=True)

    def end(self) -> None:
        print(f'[set-up {self.number}/{self.total}] done ({time.monotonic() - self.start:.0f} s)', flush=True)

    def run(self, *command, cure: str, environment: Optional[Dict[str, str]] = None) -> None:
        """Run a command; one line every HEARTBEAT_S seconds says that it is alive and what it does.

        Raises:
            SetupError: the command failed; `cure` says what to do.
        """
        with open(self.log, 'a') as log:
            log.write(f'\n$ {" ".join(map(str, command))}\n')
            log.flush()
            begin = log.tell()
            process = subprocess.Popen(list(map(str, command)), stdout=log, stderr=subprocess.STDOUT,
                                       stdin=subprocess.DEVNULL, start_new_session=True,
                                       env=dict(isolated(os.environ), **environment or {}))
            try:
                self._wait(process, begin)
            finally:
                if process.poll() is None:
                    self._interrupt(process)
        if process.returncode:
            raise SetupError(self._reason(begin, process.returncode, cure))

    def _wait(self, process: subprocess.Popen, begin: int) -> None:
        beat = time.monotonic()
        while process.poll() is None:
            time.sleep(0.1)
            if time.monotonic() - beat > HEARTBEAT_S:
                beat = time.monotonic()
                print(f'    {beat - self.start:4.0f} s  {progress(self._output(begin, 4000))}', flush=True)

    @staticmethod
    def _interrupt(process: subprocess.Popen) -> None:
        """End a command and all that it started, with time to clean up its temporary files."""
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()

    def _reason(self, begin: int, status: int, cure: str) -> str:
        text = self._output(begin)
        if 'No space left on device' in text:
            return (f'The disk filled up at "{self.what}": free some space there and in the temporary folder (TMPDIR), '
                    f'{FRESH_GB:.0f} GB in all, 9 GB for a CUDA build of torch, and run the same command again.')
        errors = re.findall(r'^.*(?:ERROR|error:|Error:).*$', text, re.M) or text.strip().splitlines()[-1:]
        reason = errors[-1].strip()[:300] if errors else f'exit status {status}'
        return f'"{self.what}" failed ({reason}): {cure} The whole output is in {self.log}.'

    def _output(self, begin: int, last: Optional[int] = None) -> str:
        """What the log holds from `begin` on, or no more than the `last` bytes of it."""
        with open(self.log, 'rb') as log:
            log.seek(begin if last is None else max(begin, self.log.stat().st_size - last))
            return log.read().decode(errors='replace')


def progress(output: str) -> str:
    """The last line of a command's output; of a compilation, how far it is."""
    lines = [line for line in output.splitlines() if line.strip()]
    last = re.sub(r'\s+', ' ', lines[-1]).strip() if lines else ''
    compiled = re.match(r'\[(\d+)/(\d+)\]', last)
    return f'{compiled.group(1)} of {compiled.group(2)} files compiled' if compiled else last[:100]
