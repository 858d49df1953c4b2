"""The version check: every difference gets something to do, and the exit status says whether all imports."""
import importlib.util
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[2] / 'tools' / 'misc' / 'check_env.py'
TESTED = {'torch': '2.13.0', 'onedl-mmcv': '2.3.6', 'onedl-mmengine': '0.10.12', 'onedl-mmdetection': '3.5.1',
          'opencv-python-headless': '4.12.0.88', 'timm': '1.0.31', 'mlxtend': '0.23.4', 'addict': '2.4.0',
          'tqdm': '4.70.1'}


@pytest.fixture(scope='module')
def check_env():
    spec = importlib.util.spec_from_file_location('check_env', FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def examine(check_env):
    parts = {part.module: part for part in check_env.PARTS}
    return lambda module, installed, result='imports': check_env.examine(parts[module], TESTED, installed, result)


def test_the_tested_version_needs_no_advice_whatever_its_local_label(examine):
    finding = examine('torch', {'torch': '2.13.0+cpu'})
    assert (finding.state, finding.advice) == ('ok', '')


def test_another_version_is_left_while_it_works(examine):
    finding = examine('timm', {'timm': '1.0.9'})
    assert finding.state == 'differs' and 'timm 1.0.9 was not tested: leave it while it works' in finding.advice
    assert '"timm==1.0.31"' in finding.advice


def test_another_torch_means_another_mmcv(examine):
    assert 'mmcv must be built for it' in examine('torch', {'torch': '2.10.0+cu128'}).advice


def test_the_original_packages_count_as_installed(examine):
    finding = examine('mmdet', {'mmdet': '3.3.0'})
    assert finding.state == 'differs' and finding.installed == 'mmdet 3.3.0'
    assert 'refuses mmcv 2.2' in finding.advice
    assert '`pip uninstall -y mmdet`, then `pip install --no-deps "onedl-mmdetection==3.5.1"`' in finding.advice


def test_both_families_at_once_are_a_fault_even_while_they_import(examine):
    finding = examine('mmengine', {'mmengine': '0.10.7', 'onedl-mmengine': '0.10.12'})
    assert finding.state == 'differs' and 'pip uninstall -y onedl-mmengine mmengine' in finding.advice


def test_either_opencv_will_do_and_both_as_well(examine):
    assert examine('cv2', {'opencv-python': '4.12.0.88'}).state == 'differs'
    assert examine('cv2', {'opencv-python': '4.12.0.88', 'opencv-python-headless': '4.12.0.88'}).state == 'ok'


def test_operators_that_do_not_import_are_built_again(examine):
    finding = examine('mmcv.ops', {'onedl-mmcv': '2.3.6'}, 'ImportError: undefined symbol')
    assert finding.state == 'broken' and 'undefined symbol' in finding.advice
    assert 'mmcv_wheel.py --version 2.3.6' in finding.advice


def test_torchvision_that_does_not_import_is_guarded(examine):
    finding = examine('torchvision', {'torchvision': '0.28.0'}, 'RuntimeError: operator does not exist')
    assert finding.state == 'broken' and 'torchvision_guard.py` repairs it' in finding.advice


def test_a_missing_dependency_is_named_rather_than_its_user(examine):
    finding = examine('mmengine', {'onedl-mmengine': '0.10.12'}, "ModuleNotFoundError: No module named 'addict'")
    assert finding.advice.endswith('`pip install addict`')
    finding = examine('mmdet', {'onedl-mmdetection': '3.5.1'}, "ModuleNotFoundError: No module named 'mmcv'")
    assert finding.advice.endswith('see mmcv in this list first')


def test_a_missing_part_says_how_to_get_it(examine):
    finding = examine('mlxtend', {}, "ModuleNotFoundError: No module named 'mlxtend'")
    assert finding.state == 'missing' and finding.advice.endswith('`pip install --no-deps "mlxtend==0.23.4"`')


def test_a_module_without_metadata_is_of_unknown_version(examine):
    finding = examine('timm', {})
    assert finding.installed == 'unknown' and 'of unknown version' in finding.advice


def test_imports_report_failures_and_crashes_one_by_one(check_env, monkeypatch, tmp_path):
    (tmp_path / 'noisy.py').write_text('print("hello\\tworld")\n')
    (tmp_path / 'failing.py').write_text('raise ImportError("undefined symbol: x\\nand more")\n')
    (tmp_path / 'crashing.py').write_text('import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n')
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    results = check_env.try_imports(['noisy', 'failing', 'crashing', 'json', 'no_such_module'])
    assert results == {
        'noisy': 'imports', 'failing': 'ImportError: undefined symbol: x',
        'crashing': 'the import ended Python with status -9', 'json': 'imports',
        'no_such_module': "ModuleNotFoundError: No module named 'no_such_module'"}


def test_the_checkout_does_not_count_as_an_installation(check_env, monkeypatch, tmp_path):
    (tmp_path / 'only_here.py').touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('PYTHONPATH', raising=False)
    assert 'ModuleNotFoundError' in check_env.try_imports(['only_here'])['only_here']


def test_other_packages_are_one_line(check_env):
    tested = {**TESTED, 'six': '1.17.0'}
    line = check_env.summarise_others(tested, {'addict': '2.4.0', 'tqdm': '4.1'})
    assert line.startswith('Of 3 other pinned packages 1 are as tested and 1 not installed; ')
    assert 'tqdm 4.1 (tested: 4.70.1)' in line and 'torch' not in line


@pytest.mark.parametrize('broken, status', [(None, 0), ('mlxtend', 0), ('mmdet', 1)])
def test_the_status_says_whether_everything_that_is_needed_imports(check_env, monkeypatch, capsys, broken, status):
    monkeypatch.setattr(check_env, 'try_imports', lambda modules: {
        module: 'ImportError: no' if module == broken else 'imports' for module in modules})
    assert check_env.main() == status
    out = capsys.readouterr().out
    for package, version in check_env.pins().items():
        if package in ('torch', 'onedl-mmcv', 'diffusers'):
            assert f'{package} {version}' in out
    assert ('Not usable yet: mmdet.' in out) == bool(status)
    assert f'{sys.version_info.major}.{sys.version_info.minor}' in out
