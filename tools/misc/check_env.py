"""Print the tested versions beside the installed ones, and what to do about each difference.

    python tools/misc/check_env.py

Exit status: 0 when everything that is needed imports, whatever its version; 1 otherwise.
"""
import importlib.metadata
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

SETUP = Path(__file__).resolve().parents[1] / 'setup'
sys.path.insert(0, str(SETUP))
from setup_env import PYTHON_VERSION, pins  # noqa: E402

TESTED_PYTHON = '.'.join(map(str, PYTHON_VERSION))
GUARD = f'python {SETUP / "torchvision_guard.py"}'
PROBE = """
import importlib, sys
sys.path.pop(0)
results, sys.stdout = sys.stdout, sys.stderr
for name in sys.argv[1:]:
    print(name, end='\\t', file=results, flush=True)
    try:
        importlib.import_module(name)
    except BaseException as error:
        print(type(error).__name__, *(str(error).splitlines() or ['no message'])[:1], sep=': ', file=results)
    else:
        print('imports', file=results, flush=True)
"""


class Part(NamedTuple):
    """Something the project imports.

    Attributes:
        module: what is imported to see whether it works.
        packages: the package it was tested with, then others that bring the same module.
        cure: the command that repairs it; by default pip, with the tested version.
        others_note: what is known of the other packages.
        needed: whether the project is of no use without it.
    """
    module: str
    packages: tuple[str, ...]
    cure: str = 'pip install --no-deps "{package}=={version}"'
    others_note: str = ''
    needed: bool = True


PARTS = (
    Part('torch', ('torch',), 'pip install "torch=={version}"'),
    Part('torchvision', ('torchvision',), f'pip install --no-deps "torchvision=={{version}}" && {GUARD}'),
    Part('mmcv.ops', ('onedl-mmcv', 'mmcv', 'mmcv-lite', 'mmcv-full'),
         f'python {SETUP / "mmcv_wheel.py"} --version {{version}}'),
    Part('mmengine', ('onedl-mmengine', 'mmengine', 'mmengine-lite'),
         others_note=' (mmengine 0.10.7 loads no checkpoints beside torch 2.6 or later)'),
    Part('mmdet', ('onedl-mmdetection', 'mmdet'), others_note=' (mmdet 3.3.0 refuses mmcv 2.2 or later)'),
    Part('mmpretrain', ('onedl-mmpretrain', 'mmpretrain')),
    Part('diffusers', ('diffusers',)),
    Part('timm', ('timm',)),
    Part('pycocotools', ('pycocotools',)),
    Part('numpy', ('numpy',)),
    Part('cv2', ('opencv-python-headless', 'opencv-python', 'opencv-contrib-python-headless', 'opencv-contrib-python')),
    Part('dive_mmdet', ('dive-mmdet',), 'pip install --no-deps -e .'),
    Part('mlxtend', ('mlxtend',), needed=False),
)


class Finding(NamedTuple):
    """One line of the table: `state` is ok, differs, missing or broken; `advice` is empty where nothing is to do."""
    name: str
    tested: str
    installed: str
    state: str
    advice: str = ''


def installed_version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def same(version: str | None, tested: str | None) -> bool:
    """Equal but for a local label such as +cpu."""
    return version is not None and version.split('+')[0] == tested


def try_imports(modules: list[str]) -> dict[str, str]:
    """Import each in another process, {module: 'imports' or the reason why not}; a crash is a reason too."""
    outcome = {}
    while len(outcome) < len(modules):
        rest = [module for module in modules if module not in outcome]
        done = subprocess.run([sys.executable, '-c', PROBE, *rest], capture_output=True, text=True)
        lines = [line.split('\t', 1) for line in done.stdout.splitlines()]
        if not lines:
            return outcome | {module: f'Python ended with status {done.returncode}' for module in rest}
        outcome |= {name: result or f'the import ended Python with status {done.returncode}' for name, result in lines}
    return outcome


def repair(part: Part, cure: str, found: dict[str, str], result: str) -> str:
    """What to do about a part that does not import."""
    missing = re.match(r"ModuleNotFoundError: No module named '(\w+)", result)
    if found and missing and missing[1] != part.module.split('.')[0]:
        if missing[1] in {other.module.split('.')[0] for other in PARTS}:
            return f'see {missing[1]} in this list first'
        return f'`pip install {missing[1]}`'
    if found and part.module == 'torchvision':
        return f'`{GUARD}` repairs it beside a torch without CUDA and says otherwise what to install'
    if set(found) - {part.packages[0]}:
        return f'`pip uninstall -y {" ".join(found)}`, then `{cure}`'
    if found and cure.startswith('pip install --no-deps "'):
        cure = cure.replace('pip install', 'pip install --force-reinstall', 1)
    return f'`{cure}`'


def examine(part: Part, tested: dict[str, str], installed: dict[str, str | None], result: str) -> Finding:
    """Compare one part with the tested matrix.

    Args:
        part: what to look at.
        tested: versions by package.
        installed: versions by package; None or absent: not installed.
        result: of importing it, from `try_imports`.
    """
    name, ours = part.module.split('.')[0], part.packages[0]
    version = tested.get(ours)
    cure = part.cure.format(package=ours, version=version)
    found = {package: installed[package] for package in part.packages if installed.get(package)}
    have = ', '.join(f'{package} {v}' for package, v in found.items()) or ('unknown' if result == 'imports' else 'none')
    replace = f'`pip uninstall -y {" ".join(found)}`, then `{cure}`'
    state, advice = 'ok', ''
    if result != 'imports':
        state = 'broken' if found else 'missing'
        why = f'does not import ({result})' if found else 'is not installed'
        only = '' if part.needed else ' (only the digit scenes need it)'
        advice = f'{name} {why}{only}: {repair(part, cure, found, result)}'
    elif len(found) > 1 and name != 'cv2':
        state, advice = 'differs', (f'{name} is there twice and one copy overwrites the other: {replace}')
    elif found and ours not in found:
        state, advice = 'differs', (f'{name} comes from {have}, which was not tested{part.others_note}: leave it '
                                    f'while it works; to change, {replace}')
    elif version and not same(found.get(ours), version):
        after = ', then run this again: mmcv must be built for it' if name == 'torch' else ''
        state, advice = 'differs', (f'{name} {found.get(ours, "of unknown version")} was not tested: leave it while it '
                                    f'works; to change, `{cure}`{after}')
    return Finding(name, f'{ours} {version}' if version else 'this one', have, state, advice)


def examine_python(version: str) -> Finding:
    if version.split('.')[:2] == TESTED_PYTHON.split('.'):
        return Finding('python', TESTED_PYTHON, version, 'ok')
    return Finding('python', TESTED_PYTHON, version, 'differs', f'Python {version} was not tested: leave it while '
                   f'everything imports; to change, install Python {TESTED_PYTHON} and run `make setup`')


def summarise_others(tested: dict[str, str], installed: dict[str, str | None]) -> str:
    """One line on the packages that the table does not list."""
    listed = {package for part in PARTS for package in part.packages}
    others = {package: version for package, version in tested.items() if package not in listed}
    equal = [package for package, version in others.items() if same(installed.get(package), version)]
    absent = [package for package in others if not installed.get(package)]
    differ = [f'{package} {installed[package]} (tested: {version})' for package, version in others.items()
              if package not in equal and package not in absent]
    line = f'Of {len(others)} other pinned packages {len(equal)} are as tested and {len(absent)} not installed'
    return line + (f'; if something fails, look at these: {", ".join(differ)}.' if differ else '.')


def table(findings: list[Finding]) -> str:
    rows = [('', 'tested', 'installed', ''), *(finding[:4] for finding in findings)]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return '\n'.join('  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def main() -> int:
    print('Importing everything, some seconds ...', file=sys.stderr, flush=True)
    tested = pins()
    names = {*tested, *(package for part in PARTS for package in part.packages)}
    installed = {package: installed_version(package) for package in names}
    results = try_imports([part.module for part in PARTS])
    parts = [examine(part, tested, installed, results[part.module]) for part in PARTS]
    findings = [examine_python(platform.python_version()), *parts]
    print(table(findings))
    print(summarise_others(tested, installed))
    advice = [finding.advice for finding in findings if finding.advice]
    if advice:
        print('\nWhat to do:', *(f'- {line}.' for line in advice), sep='\n')
    failed = [finding.name for part, finding in zip(PARTS, parts)
              if part.needed and finding.state in ('missing', 'broken')]
    if failed:
        print(f'\nNot usable yet: {", ".join(failed)}. Do the above from top to bottom, or let `make setup` prepare a '
              'fresh environment.')
        return 1
    print('\nEverything that is needed imports.')
    return 0


if __name__ == '__main__':
    sys.exit(main())
