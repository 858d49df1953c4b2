"""Install mmcv with its compiled operators from a cached wheel, or build that wheel from the source release.

    VENV/bin/python tools/setup/mmcv_wheel.py onedl-mmcv==2.3.6 [--cache DIR]

A wheel fits one torch and one Python: the cache is keyed by both, and a cached wheel that does not import is built
anew. The source release parses torch's headers once a file; merging the dispatch files before compiling cuts the work
by more than half and changes nothing else. Operators for the GPU are built where there is a GPU and a CUDA toolkit.
"""
import argparse
import importlib.metadata
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

from setup_env import cache_base, check_compiler
from stages import LEADING_OUT, SetupError

GROUPS = 4


class Release(NamedTuple):
    """What is installed: `mmcv`, or its fork `onedl-mmcv`."""
    package: str
    version: str

    @classmethod
    def parse(cls, text: str) -> 'Release':
        return cls(*text.split('=='))

    def __str__(self) -> str:
        return f'{self.package}=={self.version}'


def check_environment() -> None:
    """Refuse to install into the system's Python."""
    if sys.prefix == sys.base_prefix and not (Path(sys.prefix) / 'conda-meta').is_dir():
        raise SetupError(f'{sys.executable} is not the Python of a virtual environment: run this file with '
                         'VENV/bin/python, or everything with `make setup`.')


def with_cuda() -> bool:
    import torch
    from torch.utils import cpp_extension
    wanted = torch.cuda.is_available() or os.environ.get('FORCE_CUDA') == '1'
    return wanted and cpp_extension.CUDA_HOME is not None


def cache_dir(package: str, cuda: bool) -> Path:
    import torch
    python = f'cp{sys.version_info.major}{sys.version_info.minor}'
    return cache_base() / f'{package}-torch{torch.__version__}-{python}{"-cuda" if cuda else ""}'


def cached_wheel(cache: Path, release: Release) -> Path | None:
    platform = sysconfig.get_platform().replace('-', '_').replace('.', '_')
    return next(cache.glob(f'{release.package.replace("-", "_")}-{release.version}-*-{platform}.whl'), None)


def pip(*arguments, env: dict[str, str] | None = None) -> None:
    subprocess.run([sys.executable, '-m', 'pip', '--disable-pip-version-check', *map(str, arguments)], check=True,
                   env=env)


def merge_sources(folder: Path, groups: int = GROUPS) -> None:
    """Replace the .cpp files of `folder` by `groups` files that include them."""
    sources = sorted(folder.glob('*.cpp'))
    for index in range(groups):
        included = []
        for source in sources[index::groups]:
            included.append(source.rename(source.with_suffix('.cpp.inc')).name)
        (folder / f'merged_{index}.cpp').write_text(''.join(f'#include "{name}"\n' for name in included))


def build_environment(cuda: bool) -> dict[str, str]:
    """CFLAGS replaces the defaults, -O2 among them; without a CUDA toolkit the GPU is hidden from mmcv's setup.py."""
    jobs = os.environ.get('MAX_JOBS') or str(max(1, min(os.cpu_count() or 1, 8)))
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'  # where ninja is
    env = dict(os.environ, CFLAGS='-O2 -g0 -w -DNDEBUG', MAX_JOBS=jobs, PATH=path)
    return env if cuda else dict(env, CUDA_VISIBLE_DEVICES='', FORCE_CUDA='0')


def build(release: Release, out: Path, cuda: bool) -> None:
    """Compile the source release and put its wheel into `out`, whole or not at all."""
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        check_compiler(scratch)
        out.mkdir(parents=True, exist_ok=True)
        pip('download', '--no-deps', '--no-build-isolation', '--no-binary', ':all:', '-d', scratch, release)
        archive = next(scratch.glob('*.tar.gz'))
        with tarfile.open(archive) as tar:
            tar.extractall(scratch, filter='data')
        source = next(path for path in scratch.iterdir() if (path / 'setup.py').is_file())
        if not cuda:  # merging was tried with the operators for the CPU alone
            merge_sources(source / 'mmcv/ops/csrc/pytorch')
        # -v lets the compiler's lines through: the caller shows from them how far it is.
        pip('wheel', '-v', '--no-deps', '--no-build-isolation', '-w', scratch / 'wheel', source,
            env=build_environment(cuda))
        built = next((scratch / 'wheel').glob('*.whl'))
        partial = out / f'{built.name}.partial'
        shutil.copy(built, partial)
        partial.rename(out / built.name)


def works(release: Release) -> bool:
    """Is this release of mmcv installed, and do its operators import?"""
    try:
        installed = importlib.metadata.version(release.package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return installed == release.version and not subprocess.run(
        [sys.executable, '-c', 'import mmcv.ops'], capture_output=True).returncode


def install_wheel(wheel: Path, release: Release) -> bool:
    """Install a wheel and say whether its operators import."""
    try:
        pip('install', '--no-deps', '--no-index', '--force-reinstall', wheel)
    except subprocess.CalledProcessError:
        return False
    return works(release)


def install(release: Release, cache: Path, cuda: bool) -> None:
    """Install from the cache; build, and fill the cache, where there is no wheel or one that does not import.

    Raises:
        SetupError: the compiler is missing or the wheel that was built does not import either.
    """
    wheel = cached_wheel(cache, release)
    if wheel is not None:
        if install_wheel(wheel, release):
            return
        print(f'The cached {wheel} does not import: building it anew.', flush=True)
        wheel.unlink()
    build(release, cache, cuda)
    wheel = cached_wheel(cache, release)
    if wheel is None or not install_wheel(wheel, release):
        if wheel is not None:
            wheel.unlink()
        raise SetupError(f'{release} was built and does not import: `python -c "import mmcv.ops"` says why.')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('release', type=Release.parse, help='onedl-mmcv==VERSION or mmcv==VERSION')
    parser.add_argument('--cache', type=Path, default=None, help='default: XDG_CACHE_HOME/dive_mmdet')
    args = parser.parse_args()
    try:
        check_environment()
        if works(args.release):
            return
        for name in LEADING_OUT:
            os.environ.pop(name, None)
        cuda = with_cuda()
        install(args.release, args.cache or cache_dir(args.release.package, cuda), cuda)
    except SetupError as error:
        sys.exit(f'Error: {error}')
    except OSError as error:
        sys.exit(f'Error: {error}: name a cache you may write to in XDG_CACHE_HOME.')
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)  # pip has said why


if __name__ == '__main__':
    main()
