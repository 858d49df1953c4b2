"""The wheel carries the package, its configs and its tools, and works where there is no checkout."""
import os
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ('configs', 'demo', 'tools', 'weights')
CONFIG = 'generator/layout_box-channels_digit-scenes.py'

# Runs outside the checkout, which an editable installation would otherwise make importable.
LOAD_AND_BUILD = """
import sys
checkout, config = sys.argv[1:]
sys.meta_path[:] = [finder for finder in sys.meta_path if '__editable__' not in str(finder)]
sys.path[:] = [path for path in sys.path if not path.startswith(checkout) or 'site-packages' in path]
import runpy
from pathlib import Path
import dive_mmdet
from mmengine.config import Config
from dive_mmdet.registry import MODELS
mim = Path(dive_mmdet.__file__).parent / '.mim'
print(len(runpy.run_path(str(mim / 'tools' / 'misc' / 'check_env.py'))['pins']()))
config = Config.fromfile(mim / 'configs' / config)
model = MODELS.build(config.model)
ours = [Path(module.__file__) for name, module in sys.modules.items() if name.split('.')[0] == 'dive_mmdet']
print(len(ours), [str(path) for path in ours if Path(checkout) in path.parents])
print('installed at', Path(dive_mmdet.__file__).parent)
print(type(model).__module__, sum(p.numel() for p in model.parameters()))
"""


def run(*command, cwd: Path, **env) -> str:
    done = subprocess.run(list(map(str, command)), cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files_under(folder: Path) -> set[str]:
    """Relative paths of the files that belong to the project."""
    paths = (path.relative_to(folder) for path in folder.rglob('*') if path.is_file() and path.suffix != '.pyc')
    return {path.as_posix() for path in paths if not any(part.startswith('.') for part in path.parts)}


def checkout_state() -> set[Path]:
    """The folders a build might leave something in; other files may come and go while tests run."""
    names = [ROOT / 'build', ROOT / 'dist', ROOT / 'dive_mmdet' / '.mim', *ROOT.glob('dive_mmdet-*')]
    return {path for path in names if path.exists()}


@pytest.fixture(scope='module')
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp('wheel')
    before = checkout_state()
    run(sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-index', '--no-deps', '--no-build-isolation', '-w', out,
        ROOT, cwd=out)
    assert checkout_state() == before, 'building left something in the checkout'
    return next(out.glob('dive_mmdet-*.whl'))


def test_the_wheel_holds_every_module_and_all_that_a_user_touches(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    modules = {f'dive_mmdet/{path}' for path in files_under(ROOT / 'dive_mmdet') if path.endswith('.py')}
    shipped = {f'dive_mmdet/.mim/{name}/{path}' for name in SHIPPED for path in files_under(ROOT / name)}
    assert not (modules | shipped) - held
    assert f'dive_mmdet/.mim/configs/{CONFIG}' in held and 'dive_mmdet/.mim/tools/setup/locks/forks.txt' in held
    assert not [name for name in held if '__pycache__' in name or name.startswith('tests/')]


def test_the_source_release_holds_what_the_wheel_is_made_of(wheel, tmp_path):
    run(sys.executable, 'setup.py', '--quiet', 'egg_info', '--egg-base', tmp_path, 'sdist', '-d', tmp_path, cwd=ROOT)
    with tarfile.open(next(tmp_path.glob('*.tar.gz'))) as tar:
        held = {name.split('/', 1)[1] for name in tar.getnames() if '/' in name}
    made_of = {name.replace('dive_mmdet/.mim/', '', 1) for name in zipfile.ZipFile(wheel).namelist()
               if name.startswith('dive_mmdet/')}
    assert not made_of - held


def test_installing_leaves_torch_and_the_frameworks_as_they_are(wheel):
    archive = zipfile.ZipFile(wheel)
    metadata = Parser().parsestr(archive.read(next(n for n in archive.namelist() if n.endswith('/METADATA'))).decode())
    always = {line.split('>')[0].strip() for line in metadata.get_all('Requires-Dist') if 'extra ==' not in line}
    assert 'diffusers' in always
    assert not [name for name in always if name.startswith(('torch', 'mm', 'onedl', 'opencv'))]
    assert set(metadata.get_all('Provides-Extra')) == {'mm', 'old-torch', 'text', 'demo', 'test', 'lint'}


def test_the_wheel_works_outside_the_checkout(wheel, tmp_path):
    target, elsewhere = tmp_path / 'site', tmp_path / 'elsewhere'
    elsewhere.mkdir()
    run(sys.executable, '-m', 'pip', 'install', '--quiet', '--no-index', '--no-deps', '--target', target, wheel,
        cwd=elsewhere)
    output = run(sys.executable, '-c', LOAD_AND_BUILD, ROOT, CONFIG, cwd=elsewhere, PYTHONPATH=str(target))
    pinned, count, installed, model = output.strip().splitlines()[-4:]
    assert int(pinned) > 10
    assert count.split(maxsplit=1)[1] == '[]' and int(count.split()[0]) > 10
    assert installed == f'installed at {target / "dive_mmdet"}'
    assert model.startswith('dive_mmdet.training') and int(model.split()[1]) > 1_000_000


def test_the_citation_names_this_version_and_the_paper():
    import yaml

    from dive_mmdet import __version__
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text())
    assert str(citation['version']) == __version__ and citation['license'] == 'Apache-2.0'
    assert citation['preferred-citation']['url'].endswith('2504.17253')


def test_all_that_a_machine_without_a_network_needs_is_pinned():
    """Both lists of benchmarks/device_wheels.sh, each of whose names stands in a lock."""
    found = subprocess.run(['bash', 'benchmarks/device_wheels.sh', 'list'], cwd=ROOT, capture_output=True, text=True)
    pins = found.stdout.split()
    assert found.returncode == 0 and len(pins) > 15 and all('==' in pin for pin in pins), found.stderr
