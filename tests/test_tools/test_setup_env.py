"""Setting up: every reason to stop is one sentence that names the cure, and nothing is touched before."""
import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest

SETUP = Path(__file__).resolve().parents[2] / 'tools' / 'setup'
Usage = namedtuple('Usage', 'total used free')


@pytest.fixture
def setup_env(monkeypatch):
    monkeypatch.syspath_prepend(str(SETUP))
    module = importlib.import_module('setup_env')
    monkeypatch.setattr(module, 'PYTHON_VERSION', sys.version_info[:2])
    return module


@pytest.fixture
def stages_module(setup_env):
    return importlib.import_module('stages')


@pytest.fixture
def installer(setup_env):
    return importlib.import_module('installer')


@pytest.fixture
def mmcv_wheel(setup_env):
    return importlib.import_module('mmcv_wheel')


@pytest.fixture
def torchvision_guard(setup_env):
    return importlib.import_module('torchvision_guard')


@pytest.fixture
def stages(setup_env, tmp_path):
    stages = setup_env.Stages(tmp_path / 'setup.log', total=1)
    stages.begin('a stage')
    return stages


def one_sentence(error) -> str:
    message = str(error.value)
    assert '\n' not in message and message.endswith('.') and ':' in message, message
    return message


# Reasons to stop

def test_another_python_is_refused_before_anything_is_written(setup_env, monkeypatch, tmp_path):
    monkeypatch.setattr(setup_env, 'PYTHON_VERSION', (3, 11))
    monkeypatch.setattr(setup_env.sys, 'version_info', (3, 10, 2))
    with pytest.raises(setup_env.SetupError) as error:
        setup_env.set_up(tmp_path / 'v')
    assert 'make PYTHON=python3.11' in one_sentence(error) and not (tmp_path / 'v').exists()


@pytest.mark.parametrize('name', ['setup_env', 'stages', 'installer'])
def test_an_old_python_can_read_the_scripts_that_refuse_it(name):
    ast.parse((SETUP / f'{name}.py').read_text(), feature_version=(3, 6))


def test_a_python_without_venv_names_the_package_to_install(setup_env, monkeypatch):
    monkeypatch.setitem(sys.modules, 'ensurepip', None)
    with pytest.raises(setup_env.SetupError) as error:
        setup_env.check_python()
    assert 'apt-get install python3-venv' in one_sentence(error)


def test_too_little_disk_is_said_before_anything_is_written(setup_env, monkeypatch, tmp_path):
    monkeypatch.setattr(setup_env.shutil, 'disk_usage', lambda path: Usage(10e9, 8.5e9, 1.5e9))
    with pytest.raises(setup_env.SetupError) as error:
        setup_env.set_up(tmp_path / 'a' / 'v')
    assert '1.5 GB are free' in one_sentence(error) and '4.0 GB are needed' in str(error.value)
    assert not (tmp_path / 'a').exists()


def test_a_disk_that_fills_up_on_the_way_is_told_apart_from_other_failures(setup_env, stages):
    script = 'import sys; sys.exit("ERROR: Could not install: [Errno 28] No space left on device")'
    with pytest.raises(setup_env.SetupError) as error:
        stages.run(sys.executable, '-c', script, cure='check the connection.')
    assert 'free some space' in one_sentence(error) and 'connection' not in str(error.value)


def test_a_missing_compiler_names_what_to_install(setup_env, monkeypatch, tmp_path):
    monkeypatch.setenv('CXX', 'no-such-compiler')
    with pytest.raises(setup_env.SetupError) as error:
        setup_env.check_compiler(tmp_path)
    assert 'no-such-compiler' in one_sentence(error) and 'apt-get install g++' in str(error.value)


def test_the_compiler_is_missed_before_anything_is_downloaded(setup_env, monkeypatch, tmp_path):
    monkeypatch.setenv('CXX', 'no-such-compiler')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'empty'))
    monkeypatch.setattr(setup_env.shutil, 'disk_usage', lambda path: Usage(10e9, 1e9, 9e9))
    with pytest.raises(setup_env.SetupError, match='No C\\+\\+ compiler'):
        setup_env.set_up(tmp_path / 'v')
    assert not (tmp_path / 'v').exists()


def test_a_compiler_without_pythons_headers_is_found_out(setup_env, monkeypatch, tmp_path):
    compiler = tmp_path / 'compiler'
    compiler.write_text('#!/bin/sh\necho "probe.cpp:1:10: fatal error: Python.h: No such file" >&2\nexit 1\n')
    compiler.chmod(0o700)
    monkeypatch.setenv('CXX', str(compiler))
    with pytest.raises(setup_env.SetupError) as error:
        setup_env.check_compiler(tmp_path)
    assert 'Python.h' in one_sentence(error) and 'python3-dev' in str(error.value)


def test_a_folder_with_other_things_in_it_is_left_alone(setup_env, tmp_path):
    (tmp_path / 'thesis.tex').write_text('years of work')
    with pytest.raises(setup_env.SetupError) as error:
        setup_env.set_up(tmp_path)
    assert 'make VENV=' in one_sentence(error)
    assert [path.name for path in tmp_path.iterdir()] == ['thesis.tex']


def test_an_environment_of_another_python_is_refused(setup_env, tmp_path):
    (tmp_path / 'pyvenv.cfg').write_text('home = /usr/bin\nversion = 3.7.4\n')
    with pytest.raises(setup_env.SetupError) as error:
        setup_env.check_folder(tmp_path, 'forks')
    assert 'Python 3.7' in one_sentence(error)


def test_a_pip_configuration_that_installs_elsewhere_is_refused(setup_env, monkeypatch, tmp_path):
    config = tmp_path / 'pip.conf'
    monkeypatch.setenv('PIP_CONFIG_FILE', str(config))
    config.write_text('[install]\nuser = false\n')
    setup_env.check_pip(sys.executable)
    config.write_text('[install]\ntarget = /elsewhere\n')
    with pytest.raises(setup_env.SetupError) as error:
        setup_env.check_pip(sys.executable)
    assert 'target = /elsewhere' in one_sentence(error)


def test_the_command_line_gives_one_line_and_a_status(tmp_path):
    (tmp_path / 'file').touch()
    done = subprocess.run([sys.executable, str(SETUP / 'setup_env.py'), '--venv', str(tmp_path / 'file')],
                          capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count('\n') == 1 and done.stderr.startswith('set-up stopped: ')


# Stages

def test_a_stage_that_fails_gives_its_error_the_cure_and_the_log(setup_env, stages):
    with pytest.raises(setup_env.SetupError) as error:
        stages.run(sys.executable, '-c', 'print("noise"); raise SystemExit("ERROR: no such package")', cure='do this.')
    message = one_sentence(error)
    assert 'ERROR: no such package' in message and 'do this.' in message and 'setup.log' in message
    assert 'noise' in stages.log.read_text()


def test_a_long_stage_shows_its_last_line(stages_module, stages, monkeypatch, capsys):
    monkeypatch.setattr(stages_module, 'HEARTBEAT_S', 0.2)
    stages.run(sys.executable, '-c', 'import time; print("fetching torch", flush=True); time.sleep(0.7)', cure='.')
    assert re.search(r'^ +\d+ s  fetching torch$', capsys.readouterr().out, re.M)


def test_a_compilation_shows_how_far_it_is(stages_module):
    assert stages_module.progress('running build_ext\n  [3/24] c++ -MMD -MF x.o.d -O2\n') == '3 of 24 files compiled'
    assert stages_module.progress('') == ''


def test_an_interrupt_ends_the_command_and_what_it_started(setup_env, stages, monkeypatch):
    def interrupt(process, begin):
        while 'started' not in stages.log.read_text().splitlines():
            assert process.poll() is None
        raise KeyboardInterrupt
    monkeypatch.setattr(stages, '_wait', interrupt)
    child = 'import sys, time; print("started", flush=True); time.sleep(60)'
    with pytest.raises(KeyboardInterrupt):
        stages.run(sys.executable, '-c', f'import subprocess, sys; subprocess.run([sys.executable, "-c", {child!r}])',
                   cure='.')
    assert stages.log.read_text().count('KeyboardInterrupt') >= 2, 'the command and its child both had time to clean up'


def test_commands_see_nothing_that_leads_out_of_the_environment(stages_module, stages, monkeypatch, tmp_path):
    for name in stages_module.LEADING_OUT:
        monkeypatch.setenv(name, str(tmp_path))
    stages.run('env', cure='.')
    seen = dict(line.split('=', 1) for line in stages.log.read_text().splitlines() if '=' in line)
    assert not set(seen) & set(stages_module.LEADING_OUT)
    assert seen['PIP_REQUIRE_VIRTUALENV'] == '1' and seen['PATH'] == os.environ['PATH']


def test_an_environment_that_is_up_to_date_runs_nothing(setup_env, monkeypatch, tmp_path):
    (tmp_path / 'bin').mkdir()
    (tmp_path / 'bin' / 'python').touch()
    (tmp_path / 'dive_mmdet.stamp').write_text(setup_env.fingerprint('forks'))
    monkeypatch.setattr(setup_env, 'install', lambda venv, family: pytest.fail('installs again'))
    setup_env.set_up(tmp_path)


def test_the_stamp_is_gone_while_an_installation_is_unfinished(setup_env, monkeypatch, tmp_path):
    def fail(venv, family):
        raise setup_env.SetupError('stopped half way')
    venv = tmp_path / 'v'
    monkeypatch.setattr(setup_env, 'check_disk', lambda venv, need_gb: None)
    monkeypatch.setattr(setup_env, 'check_compiler', lambda scratch: None)
    monkeypatch.setattr(setup_env, 'install', lambda venv, family: None)
    setup_env.set_up(venv)
    (venv / 'dive_mmdet.stamp').write_text('made from an older lock file')
    (venv / 'pyvenv.cfg').touch()
    monkeypatch.setattr(setup_env, 'install', fail)
    with pytest.raises(setup_env.SetupError):
        setup_env.set_up(venv)
    assert not (venv / 'dive_mmdet.stamp').exists()


def test_a_family_is_not_installed_over_another(setup_env, tmp_path):
    (tmp_path / 'pyvenv.cfg').touch()
    (tmp_path / 'lib/python3.11/site-packages/onedl_mmcv-2.3.6.dist-info').mkdir(parents=True)
    setup_env.check_folder(tmp_path, 'forks')
    with pytest.raises(setup_env.SetupError) as error:
        setup_env.check_folder(tmp_path, 'original')
    assert 'holds onedl-mmcv, which the family `original` has from another package' in one_sentence(error)


def test_every_family_has_exact_pins_and_one_of_each_part(setup_env):
    for family in setup_env.FAMILIES:
        pins = setup_env.pins(family)
        assert all(re.fullmatch(r'[\w.]+', version) for version in pins.values())
        for names in (('mmcv', 'onedl-mmcv'), ('mmdet', 'onedl-mmdetection'), ('mmpretrain', 'onedl-mmpretrain'),
                      ('mmengine', 'onedl-mmengine'), ('torch',), ('diffusers',), ('numpy',)):
            assert len(pins.keys() & {*names}) == 1, names
        lines = [line for lock in setup_env.locks(family) for line in lock.read_text().splitlines() if '==' in line]
        assert len(lines) == len(pins), 'a package is pinned twice'


# uv

def test_uv_is_told_what_pip_is_configured_with(installer, monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith(('PIP_', 'UV_')) or name == 'SSL_CERT_FILE']:
        monkeypatch.delenv(name)
    config = tmp_path / 'pip.conf'
    config.write_text('[global]\nindex-url = https://a/simple\nextra-index-url =\n    https://b/simple\n'
                      '    https://c/simple\nfind-links = /one\n    /two\n[install]\ncert = /ca.pem\n')
    monkeypatch.setenv('PIP_CONFIG_FILE', str(config))
    monkeypatch.setenv('PIP_INDEX_URL', 'https://wins/simple')
    monkeypatch.setenv('UV_INDEX_STRATEGY', 'first-index')
    found = installer.uv_environment(installer.pip_settings(sys.executable))
    wanted = {'UV_DEFAULT_INDEX': 'https://wins/simple', 'UV_INDEX': 'https://b/simple https://c/simple',
              'UV_FIND_LINKS': '/one,/two', 'SSL_CERT_FILE': '/ca.pem'}
    assert {name: found[name] for name in wanted} == wanted
    assert 'UV_INDEX_STRATEGY' not in found, 'what the user says to uv stays'


@pytest.mark.parametrize('fails, last', [
    ((), 'uv pip install'), (('pip install --no-deps uv==1',), 'pip install'), (('uv pip',), 'pip install')])
def test_pip_installs_where_uv_does_not_get_through(setup_env, installer, monkeypatch, fails, last):
    commands = []

    class Stages:
        def run(self, python, m, *command, cure, environment=None):
            commands.append(' '.join(part for part in map(str, command) if part not in (
                '--disable-pip-version-check', '--no-input', '--no-progress', '--python', 'python')))
            if any(commands[-1].startswith(bad) for bad in fails):
                raise setup_env.SetupError('it is not to be had.')
    monkeypatch.setattr(installer, 'pip_settings', lambda python: '')
    packages = installer.Installer(Stages(), 'python', '1', cure='.')
    packages.prepare()
    packages.install('--no-deps', 'torch==2')
    packages.install('mmengine')
    assert commands[-1] == f'{last} mmengine' and f'{last} --no-deps torch==2' in commands
    assert sum(command.startswith('uv') for command in commands) == (2 if not fails else len(fails[0]) == 6)


# mmcv

class FakeMmcv:
    """Stands for pip, the compiler and the import: a wheel imports if its content says 'good'."""

    def __init__(self, module, monkeypatch, builds):
        self.module, self.builds, self.installed, self.built = module, builds, None, 0
        monkeypatch.setattr(module, 'build', self.build)
        monkeypatch.setattr(module, 'pip', self.pip)
        monkeypatch.setattr(module, 'works', lambda release: self.installed == 'good')

    def build(self, release, out, cuda):
        self.built += 1
        write_wheel(out, self.builds)

    def pip(self, *arguments, env=None):
        self.installed = Path(arguments[-1]).read_text()
        if self.installed == 'not a wheel':
            raise subprocess.CalledProcessError(1, 'pip')


def write_wheel(folder: Path, content: str, platform: str | None = None) -> Path:
    platform = platform or sysconfig.get_platform().replace('-', '_').replace('.', '_')
    wheel = folder / f'onedl_mmcv-1.0-cp311-cp311-{platform}.whl'
    wheel.write_text(content)
    return wheel


def test_a_cached_wheel_is_installed_without_building(mmcv_wheel, monkeypatch, tmp_path):
    fake = FakeMmcv(mmcv_wheel, monkeypatch, builds='good')
    write_wheel(tmp_path, 'good')
    mmcv_wheel.install(mmcv_wheel.Release('onedl-mmcv', '1.0'), tmp_path, cuda=False)
    assert fake.installed == 'good' and fake.built == 0


@pytest.mark.parametrize('content', ['does not import', 'not a wheel'])
def test_a_broken_cached_wheel_is_built_anew(mmcv_wheel, monkeypatch, tmp_path, content):
    fake = FakeMmcv(mmcv_wheel, monkeypatch, builds='good')
    wheel = write_wheel(tmp_path, content)
    mmcv_wheel.install(mmcv_wheel.Release('onedl-mmcv', '1.0'), tmp_path, cuda=False)
    assert fake.installed == 'good' and fake.built == 1 and wheel.read_text() == 'good'


def test_a_wheel_that_does_not_import_is_never_left_in_the_cache(mmcv_wheel, monkeypatch, tmp_path):
    FakeMmcv(mmcv_wheel, monkeypatch, builds='does not import')
    with pytest.raises(mmcv_wheel.SetupError) as error:
        mmcv_wheel.install(mmcv_wheel.Release('onedl-mmcv', '1.0'), tmp_path, cuda=False)
    assert 'mmcv.ops' in one_sentence(error) and not list(tmp_path.iterdir())


def test_unfinished_copies_and_other_platforms_wheels_do_not_count(mmcv_wheel, tmp_path):
    write_wheel(tmp_path, 'good', platform='linux_of_another_machine')
    wheel = write_wheel(tmp_path, 'good')
    partial = wheel.rename(f'{wheel}.partial')
    assert mmcv_wheel.cached_wheel(tmp_path, mmcv_wheel.Release('onedl-mmcv', '1.0')) is None
    partial.rename(wheel)
    assert mmcv_wheel.cached_wheel(tmp_path, mmcv_wheel.Release('onedl-mmcv', '1.0')) == wheel


def test_the_cache_tells_torch_python_and_gpu_apart(mmcv_wheel, monkeypatch, tmp_path):
    import torch
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    folder = mmcv_wheel.cache_dir('mmcv', cuda=False)
    assert folder.parent == tmp_path / 'dive_mmdet' and torch.__version__ in folder.name
    assert folder not in (mmcv_wheel.cache_dir('mmcv', cuda=True), mmcv_wheel.cache_dir('onedl-mmcv', cuda=False))


def test_building_fills_the_cache_and_merges_what_is_compiled(mmcv_wheel, monkeypatch, tmp_path):
    seen = {}

    def pip(command, *arguments, env=None):
        if command == 'download':
            folder = Path(arguments[arguments.index('-d') + 1])
            sources = folder / 'mmcv-1.0/mmcv/ops/csrc/pytorch'
            sources.mkdir(parents=True)
            (folder / 'mmcv-1.0' / 'setup.py').touch()
            for name in 'abcdef':
                (sources / f'{name}.cpp').write_text(f'int {name};\n')
            shutil.make_archive(str(folder / 'mmcv-1.0'), 'gztar', folder, 'mmcv-1.0')
            shutil.rmtree(folder / 'mmcv-1.0')
        else:
            sources = arguments[-1] / 'mmcv/ops/csrc/pytorch'
            seen.update({path.name: path.read_text() for path in sources.iterdir()}, env=env, verbose='-v' in arguments)
            out = Path(arguments[arguments.index('-w') + 1])
            out.mkdir()
            with zipfile.ZipFile(out / 'onedl_mmcv-1.0-py3-none-any.whl', 'w') as wheel:
                wheel.writestr('mmcv.py', '')

    monkeypatch.setattr(mmcv_wheel, 'pip', pip)
    monkeypatch.setattr(mmcv_wheel, 'check_compiler', lambda scratch: None)
    mmcv_wheel.build(mmcv_wheel.Release('onedl-mmcv', '1.0'), tmp_path / 'cache', cuda=False)
    assert [path.name for path in (tmp_path / 'cache').iterdir()] == ['onedl_mmcv-1.0-py3-none-any.whl']
    compiled = ''.join(seen[name] for name in seen if name.endswith('.cpp'))
    assert sorted(re.findall(r'#include "(\w)\.cpp\.inc"', compiled)) == list('abcdef')
    assert seen['a.cpp.inc'] == 'int a;\n' and 'a.cpp' not in seen
    assert seen['verbose'], 'without -v the caller cannot show how far the compilation is'
    assert seen['env']['CUDA_VISIBLE_DEVICES'] == '' and '-O2' in seen['env']['CFLAGS']


def test_mmcv_is_never_installed_into_the_systems_python(mmcv_wheel, monkeypatch, tmp_path):
    monkeypatch.setattr(mmcv_wheel.sys, 'prefix', str(tmp_path))
    monkeypatch.setattr(mmcv_wheel.sys, 'base_prefix', str(tmp_path))
    with pytest.raises(mmcv_wheel.SetupError) as error:
        mmcv_wheel.check_environment()
    assert 'make setup' in one_sentence(error)


# mmdet

def test_the_ceiling_of_mmcv_is_raised_once_and_in_the_known_file_alone(setup_env, tmp_path):
    mmcv_ceiling, path = importlib.import_module('mmcv_ceiling'), tmp_path / '__init__.py'
    path.write_text("mmcv_minimum_version = '2.0.0rc4'\nmmcv_maximum_version = '2.2.0'\n")
    for _ in range(2):
        mmcv_ceiling.raise_ceiling(path)
        assert path.read_text() == "mmcv_minimum_version = '2.0.0rc4'\nmmcv_maximum_version = '2.3.0'\n"
    path.write_text('import mmcv\n')
    with pytest.raises(SystemExit, match='is not the file of mmdet 3.3.0'):
        mmcv_ceiling.raise_ceiling(path)
    assert path.read_text() == 'import mmcv\n'


# torchvision

def test_the_guard_changes_its_two_lines_once(torchvision_guard, tmp_path):
    path = tmp_path / '_meta_registrations.py'
    lines = [f'@torch.library.register_fake("torchvision::{name}")\ndef meta_{name}():\n    ...\n'
             for name in ('nms', 'qnms')]
    path.write_text(''.join(lines))
    torchvision_guard.guard(path)
    guarded = path.read_text()
    assert guarded.count('_has_ops()') == 2 and compile(guarded, path, 'exec')
    torchvision_guard.guard(path)
    assert path.read_text() == guarded


def test_the_guard_leaves_an_unknown_file_alone(torchvision_guard, tmp_path):
    path = tmp_path / '_meta_registrations.py'
    path.write_text('import torch\n')
    with pytest.raises(SystemExit, match='pip install --no-deps torchvision'):
        torchvision_guard.guard(path)
    assert path.read_text() == 'import torch\n'
