"""Set up the project's virtual environment: pinned packages, mmcv with its operators, the project itself.

    python3.11 tools/setup/setup_env.py [--venv .venv] [--family forks]

A family is a set of packages that was tried together; `locks/` has the pins of each.
Every stage prints one line when it starts and one when it ends, and a long one a line every 20 seconds; what it runs
goes to `VENV/setup.log`. Running it again costs less than a second: a stamp in the environment says what it was made
from. Only the standard library is used, since nothing else is there yet, and no syntax younger than Python 3.6, so
that an old Python is told what is wrong with it.
"""
import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List

from installer import Installer, check_pip
from stages import FRESH_GB, SetupError, Stages

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LOCKS = HERE / 'locks'
FAMILIES = ('forks', 'original', 'original-torch2.6')
PYTHON_VERSION = (3, 11)
UPDATE_GB = 1.0
CUDA_GB = 5.0  # more, of the CUDA builds that the index has of the originals' torch


def locks(family: str) -> List[Path]:
    """The files with its pins: what all share, and its own."""
    return [LOCKS / 'common.txt', LOCKS / f'{family}.txt']


def pins(family: str = FAMILIES[0]) -> Dict[str, str]:
    """Its lock files as {package: version}."""
    lines = (line.strip() for lock in locks(family) for line in lock.read_text().splitlines())
    return dict(line.split('==') for line in lines if line and not line.startswith('#'))


def mmcv_package(version: Dict[str, str]) -> str:
    return 'mmcv' if 'mmcv' in version else 'onedl-mmcv'


def fingerprint(family: str) -> str:
    """Changes with the lock files, the set-up scripts, setup.py and the place of the checkout."""
    digest = hashlib.sha256(str(ROOT).encode())
    for path in [*locks(family), *sorted(HERE.glob('*.py')), ROOT / 'setup.py']:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def cache_base() -> Path:
    """Where built wheels are kept."""
    return Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'dive_mmdet'


def check_python() -> None:
    if os.name != 'posix':
        raise SetupError('The set-up is written for Linux and macOS: on Windows, run it inside WSL.')
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


def check_folder(venv: Path, family: str) -> None:
    """Refuse to turn a folder with other things in it, or an environment of another Python or family, into ours."""
    elsewhere = 'choose another place with `make VENV=/another/place ...`.'
    if venv.exists() and not venv.is_dir():
        raise SetupError(f'{venv} is a file: {elsewhere}')
    config = venv / 'pyvenv.cfg'
    if config.is_file():
        found = re.search(r'^version(?:_info)?\s*=\s*(\d+)\.(\d+)', config.read_text(), re.M)
        if found and tuple(map(int, found.groups())) != PYTHON_VERSION:
            raise SetupError(f'{venv} is an environment of Python {found.group(1)}.{found.group(2)} and '
                             f'{".".join(map(str, PYTHON_VERSION))} is needed: remove it or {elsewhere}')
    elif venv.is_dir() and {path.name for path in venv.iterdir()} - {'setup.log', 'setup.lock'}:
        raise SetupError(f'{venv} holds other things than a virtual environment: {elsewhere}')
    foreign = {name for other in FAMILIES for name in pins(other) if name.startswith(('mm', 'onedl'))} - {*pins(family)}
    held = {path.name.split('-')[0].replace('_', '-') for path in venv.glob('lib/python*/site-packages/*.dist-info')}
    if held & foreign:
        raise SetupError(f'{venv} holds {", ".join(sorted(held & foreign))}, which the family `{family}` has from '
                         f'another package: {elsewhere}')


def check_disk(venv: Path, need_gb: float) -> None:
    there = next(path for path in [venv, *venv.parents] if path.exists())
    free = shutil.disk_usage(there).free / 1e9
    if free < need_gb:
        raise SetupError(f'{free:.1f} GB are free at {there} and {need_gb:.1f} GB are needed: free some space or '
                         'choose another place with `make VENV=/another/place ...`.')


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


@contextmanager
def only_one(venv: Path) -> Iterator[None]:
    """Let two set-ups of one environment wait for each other."""
    import fcntl
    venv.mkdir(parents=True, exist_ok=True)
    with open(venv / 'setup.lock', 'w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f'[set-up] another set-up of {venv} is running: waiting for it ...', flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_current(venv: Path, family: str) -> bool:
    stamp = venv / 'dive_mmdet.stamp'
    return (venv / 'bin' / 'python').exists() and stamp.is_file() and stamp.read_text() == fingerprint(family)


def set_up(venv: Path, family: str = FAMILIES[0]) -> None:
    """Bring `venv` to the state that the lock files of a family describe.

    Raises:
        SetupError: with a sentence that names the cure; a later call goes on where this one stopped.
    """
    check_python()
    if is_current(venv, family):
        print(f'[set-up] {venv} is up to date')
        return
    check_folder(venv, family)
    fresh = not (venv / 'bin' / 'python').exists()
    check_disk(venv, UPDATE_GB if not fresh else FRESH_GB if family == FAMILIES[0] else FRESH_GB + CUDA_GB)
    if fresh and not any(cache_base().glob(f'{mmcv_package(pins(family))}-*/*.whl')):
        with tempfile.TemporaryDirectory() as scratch:  # mmcv must be built: better refused now than after a download
            check_compiler(Path(scratch))
    with only_one(venv):
        if not is_current(venv, family):
            (venv / 'dive_mmdet.stamp').unlink(missing_ok=True)
            install(venv, family)
            (venv / 'dive_mmdet.stamp').write_text(fingerprint(family))


def install(venv: Path, family: str) -> None:
    """All stages, in order; each finds what an earlier call has already done."""
    python = venv / 'bin' / 'python'
    version = pins(family)
    mmcv = mmcv_package(version)
    constraints = [part for lock in locks(family) for part in ('-c', lock)]
    stages = Stages(venv / 'setup.log', total=6)
    retry = 'check the connection to the package index and run the same command again.'
    again = f'remove {venv} and run the same command again.'
    packages = Installer(stages, python, version['uv'], cure=retry)

    stages.begin(f'virtual environment {venv}')
    if not (python.exists() and (venv / 'bin' / 'pip').exists()):
        for link in (venv / 'bin').glob('python*'):
            if not link.exists():  # its Python is gone, and venv would leave the link as it is
                link.unlink()
        stages.run(sys.executable, '-m', 'venv', venv, cure=again)
    check_pip(python)
    packages.prepare()
    packages.install('--no-deps', *(f'{p}=={version[p]}' for p in ('setuptools', 'wheel', 'packaging', 'click')))
    stages.end()

    stages.begin(f'torch {version["torch"]} with its own dependencies (0.2 GB; a CUDA build: 3 GB)')
    packages.install(*constraints, f'torch=={version["torch"]}')
    stages.run(python, '-c', 'import torch; torch.ones(2, 2) @ torch.ones(2, 2)',
               cure=f'this build of torch does not run on this machine: {again}')
    check_disk(venv, UPDATE_GB)
    stages.end()

    stages.begin(f'{len(version)} pinned packages (0.8 GB)')
    packages.install('--no-deps', '--no-build-isolation',
                     *(f'{p}=={v}' for p, v in version.items() if p not in ('torch', 'uv', mmcv)))
    stages.run(python, HERE / 'torchvision_guard.py', cure=again)
    if version.get('mmcv') == '2.2.0':
        stages.run(python, HERE / 'mmcv_ceiling.py', cure=again)
    stages.end()

    stages.begin(f'{mmcv} {version[mmcv]} with its operators (cached: seconds; built: 5 to 12 minutes)')
    stages.run(python, HERE / 'mmcv_wheel.py', f'{mmcv}=={version[mmcv]}',
               cure='cure that and run the same command again; a compiler that was killed needs more memory, 2 GB a '
               'job (MAX_JOBS=1 asks for one job).')
    stages.end()

    stages.begin('dive_mmdet (editable)')
    packages.install('--no-deps', '--no-build-isolation', '-e', ROOT, cure=again)
    stages.end()

    stages.begin('import of everything')
    stages.run(python, '-c', 'import torch, torchvision, mmcv.ops, timm, pycocotools, dive_mmdet.detectors, '
               'dive_mmdet.classifiers', cure=again)
    stages.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--venv', type=Path, default=ROOT / '.venv')
    parser.add_argument('--family', choices=FAMILIES, default=FAMILIES[0])
    args = parser.parse_args()
    try:
        # os.path: Path.resolve would follow a link and set up the environment elsewhere.
        set_up(Path(os.path.abspath(args.venv)), args.family)
    except SetupError as error:
        sys.exit(f'set-up stopped: {error}')
    except OSError as error:
        sys.exit(f'set-up stopped: {error}: choose a place you may write to with `make VENV=/another/place ...`.')
    except KeyboardInterrupt:
        sys.exit('set-up stopped: interrupted; run the same command again to go on.')


if __name__ == '__main__':
    main()
