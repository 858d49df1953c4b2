"""Set up the project's virtual environment: pinned packages, mmcv with its operators, the project itself.

    python3.11 tools/setup/setup_env.py [--venv .venv]

Every stage prints one line when it starts and one when it ends; what a stage runs goes to `VENV/setup.log`.
Running it again costs a second: a stamp in the environment says which lock file it was made from.
Only the standard library is used, since nothing else is there yet.
"""
import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LOCK = HERE / 'lock.txt'
PYTHON_VERSION = (3, 11)
FREE_GB = 4.0
HEARTBEAT_S = 20


class SetupError(Exception):
    """One sentence: what is wrong and how to cure it."""


def pins() -> dict[str, str]:
    """The lock file as {package: version}."""
    lines = (line.strip() for line in LOCK.read_text().splitlines())
    return dict(line.split('==') for line in lines if line and not line.startswith('#'))


def fingerprint() -> str:
    """Changes with the lock file and with the set-up scripts."""
    digest = hashlib.sha256()
    for path in sorted([LOCK, *HERE.glob('*.py'), ROOT / 'setup.py']):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def check_python() -> None:
    if sys.version_info[:2] != PYTHON_VERSION:
        want = '.'.join(map(str, PYTHON_VERSION))
        raise SetupError(f'Python {want} is needed and this is {sys.version.split()[0]}: install it and run '
                         f'`make PYTHON=python{want} ...`.')
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        raise SetupError('This Python has no venv module: install it (Debian, Ubuntu: `apt-get install '
                         'python3-venv`).') from None


def check_disk(venv: Path, need_gb: float = FREE_GB) -> None:
    venv.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(venv.parent).free / 1e9
    if free < need_gb:
        raise SetupError(f'{free:.1f} GB are free at {venv.parent} and {need_gb:.0f} GB are needed: free some space '
                         'or choose another place with `make VENV=/another/place ...`.')


def check_compiler(scratch: Path) -> None:
    import sysconfig
    compiler = os.environ.get('CXX', 'g++')
    cure = 'install one (Debian, Ubuntu: `apt-get install g++ python3-dev`) or name it in CXX.'
    if shutil.which(compiler) is None:
        raise SetupError(f'No C++ compiler `{compiler}` to build mmcv with: {cure}')
    source = scratch / 'probe.cpp'
    source.write_text('#include <Python.h>\n#include <vector>\nint main() { return 0; }\n')
    include = sysconfig.get_paths()['include']
    done = subprocess.run([compiler, '-std=c++17', f'-I{include}', '-fsyntax-only', str(source)],
                          capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ['no message'])[0]
        raise SetupError(f'`{compiler}` cannot compile against Python ({reason}): {cure}')


class Stages:
    """Runs commands in a named stage, shows that they live, keeps their output in one log."""

    def __init__(self, log: Path, total: int):
        self.log, self.total, self.number = log, total, 0

    def begin(self, what: str) -> None:
        self.number += 1
        self.what, self.start = what, time.monotonic()
        print(f'[set-up {self.number}/{self.total}] {what} ...', flush=True)

    def end(self, note: str = 'done') -> None:
        print(f'[set-up {self.number}/{self.total}] {self.what}: {note} ({time.monotonic() - self.start:.0f} s)',
              flush=True)

    def run(self, *command, env: dict | None = None, cure: str) -> None:
        """Run a command; one line every HEARTBEAT_S seconds says that it is alive and what it does.

        Raises:
            SetupError: the command failed; `cure` says what to do.
        """
        with open(self.log, 'a') as log:
            log.write(f'\n$ {" ".join(map(str, command))}\n')
            log.flush()
            begin = log.tell()
            process = subprocess.Popen(list(map(str, command)), stdout=log, stderr=subprocess.STDOUT,
                                       env={**os.environ, **(env or {})})
            beat = time.monotonic()
            while process.poll() is None:
                time.sleep(0.2)
                if time.monotonic() - beat > HEARTBEAT_S:
                    beat = time.monotonic()
                    print(f'    {beat - self.start:4.0f} s  {self._last_line(begin)}', flush=True)
        if process.returncode:
            text = self.log.read_text(errors='replace')[begin:]
            errors = re.findall(r'^.*(?:ERROR|error:|Error:).*$', text, re.M) or text.strip().splitlines()[-1:]
            reason = errors[-1].strip()[:300] if errors else f'exit status {process.returncode}'
            raise SetupError(f'{self.what} failed ({reason}): {cure} The whole output is in {self.log}.')

    def _last_line(self, begin: int) -> str:
        with open(self.log, 'rb') as log:
            log.seek(max(begin, self.log.stat().st_size - 2000))
            lines = [line for line in log.read().decode(errors='replace').splitlines() if line.strip()]
        return re.sub(r'\s+', ' ', lines[-1])[:100] if lines else ''


def set_up(venv: Path) -> None:
    """Bring `venv` to the state that the lock file describes.

    Raises:
        SetupError: with a sentence that names the cure; a later call goes on where this one stopped.
    """
    check_python()
    stamp = venv / 'dive_mmdet.stamp'
    if stamp.is_file() and stamp.read_text() == fingerprint():
        return
    check_disk(venv, FREE_GB if not (venv / 'bin' / 'python').exists() else 1.0)
    venv.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    python = venv / 'bin' / 'python'
    pip = [python, '-m', 'pip', 'install', '--disable-pip-version-check', '--no-input']
    version = pins()
    stages = Stages(venv / 'setup.log', total=6)
    retry = 'check the connection to the package index and run the same command again.'

    stages.begin(f'virtual environment {venv}')
    if not python.exists():
        stages.run(sys.executable, '-m', 'venv', venv, cure='remove the folder and run the same command again.')
    stages.run(*pip, '--no-deps', *(f'{p}=={version[p]}' for p in ('setuptools', 'wheel', 'packaging', 'click')),
               cure=retry)
    stages.end()

    stages.begin(f'torch {version["torch"]} with its own dependencies (0.2 GB; a CUDA build: 3 GB)')
    stages.run(*pip, '-c', LOCK, f'torch=={version["torch"]}', cure=retry)
    stages.run(python, '-c', 'import torch; torch.ones(2, 2) @ torch.ones(2, 2)',
               cure=f'torch does not import on this machine: remove {venv} and set up again.')
    stages.end()

    stages.begin(f'{len(version)} pinned packages (0.8 GB)')
    wheels = [f'{p}=={v}' for p, v in version.items() if p != 'onedl-mmcv']
    stages.run(*pip, '--no-deps', '--no-build-isolation', *wheels, cure=retry)
    stages.run(python, HERE / 'torchvision_guard.py', cure='torchvision does not fit torch: see the log.')
    stages.end()

    stages.begin(f'mmcv {version["onedl-mmcv"]} with its operators (cached: seconds; built: 5 to 12 minutes)')
    stages.run(python, HERE / 'mmcv_wheel.py', '--version', version['onedl-mmcv'],
               cure='look at the log for the compiler error; 2 GB of memory a core are needed.')
    stages.end()

    stages.begin('dive_mmdet (editable)')
    stages.run(*pip, '--no-deps', '--no-build-isolation', '-e', ROOT, cure='see the log.')
    stages.end()

    stages.begin('import of everything')
    stages.run(python, '-c', 'import torch, torchvision, mmcv.ops, mmdet, mmpretrain, diffusers, timm, pycocotools, '
               'dive_mmdet', cure=f'remove {venv} and set up again.')
    stages.end()
    stamp.write_text(fingerprint())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--venv', type=Path, default=ROOT / '.venv')
    try:
        set_up(parser.parse_args().venv.resolve())
    except SetupError as error:
        sys.exit(f'set-up stopped: {error}')


if __name__ == '__main__':
    main()
