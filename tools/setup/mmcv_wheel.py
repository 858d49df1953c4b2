"""Install mmcv with its compiled operators from a cached wheel, or build that wheel from the source release.

    VENV/bin/python tools/setup/mmcv_wheel.py --version 2.3.6 [--cache DIR]

A wheel fits one torch and one Python: the cache is keyed by both. The source release parses torch's headers once a
file; merging the dispatch files before compiling cuts the work by more than half and changes nothing else.
"""
import argparse
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import torch

PACKAGE = 'onedl-mmcv'
GROUPS = 4


def cache_dir() -> Path:
    base = Path(os.environ.get('XDG_CACHE_HOME', Path.home() / '.cache'))
    python = f'cp{sys.version_info.major}{sys.version_info.minor}'
    return base / 'dive_mmdet' / f'{PACKAGE}-torch{torch.__version__}-{python}'


def pip(*arguments) -> None:
    subprocess.run([sys.executable, '-m', 'pip', '--disable-pip-version-check', *map(str, arguments)], check=True)


def merge_sources(folder: Path, groups: int = GROUPS) -> None:
    """Replace the .cpp files of `folder` by `groups` files that include them."""
    sources = sorted(folder.glob('*.cpp'))
    for index in range(groups):
        included = []
        for source in sources[index::groups]:
            included.append(source.rename(source.with_suffix('.cpp.inc')).name)
        (folder / f'merged_{index}.cpp').write_text(''.join(f'#include "{name}"\n' for name in included))


def build(version: str, out: Path) -> None:
    from setup_env import check_compiler
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        check_compiler(scratch)
        pip('download', '--no-deps', '--no-build-isolation', '--no-binary', ':all:', '-d', scratch,
            f'{PACKAGE}=={version}')
        archive = next(scratch.glob('*.tar.gz'))
        with tarfile.open(archive) as tar:
            tar.extractall(scratch, filter='data')
        source = next(path for path in scratch.iterdir() if (path / 'setup.py').is_file())
        merge_sources(source / 'mmcv/ops/csrc/pytorch')
        jobs = str(max(1, min(os.cpu_count() or 1, 8)))
        os.environ.update(CFLAGS='-O2 -g0 -w -DNDEBUG', MAX_JOBS=os.environ.get('MAX_JOBS', jobs),
                          PATH=f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}')
        pip('wheel', '-v', '--no-deps', '--no-build-isolation', '-w', scratch / 'wheel', source)
        out.mkdir(parents=True, exist_ok=True)
        built = next((scratch / 'wheel').glob('*.whl'))
        partial = out / f'{built.name}.partial'
        shutil.copy(built, partial)
        partial.rename(out / built.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--version', required=True)
    parser.add_argument('--cache', type=Path, default=None, help='default: XDG_CACHE_HOME/dive_mmdet')
    args = parser.parse_args()
    probe = subprocess.run([sys.executable, '-c', 'import mmcv.ops'], capture_output=True)
    if probe.returncode == 0 and importlib.metadata.version(PACKAGE) == args.version:
        return
    cache = args.cache or cache_dir()
    pattern = f'{PACKAGE.replace("-", "_")}-{args.version}-*.whl'
    if not list(cache.glob(pattern)):
        from setup_env import SetupError
        try:
            build(args.version, cache)
        except SetupError as error:
            sys.exit(f'Error: {error}')
    pip('install', '--no-deps', '--force-reinstall', next(cache.glob(pattern)))


if __name__ == '__main__':
    main()
