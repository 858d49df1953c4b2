"""The version check: every difference gets something to do within its family, and a search says whether all works."""
import importlib.util
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[2] / 'tools' / 'misc' / 'check_env.py'
ORIGINALS = {'torch': '2.1.2', 'mmcv': '2.1.0', 'mmengine': '0.10.7', 'mmdet': '3.3.0', 'diffusers': '0.35.2'}
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

    def examine(module, installed, result='imports', tested=TESTED):
        return check_env.examine(parts[module], tested, installed, result)
    return examine


def test_the_tested_version_needs_no_advice_whatever_its_local_label(examine):
    finding = examine('torch', {'torch': '2.13.0+cpu'})
    assert (finding.state, finding.advice) == ('ok', '')


def test_another_version_is_left_while_it_works(examine):
    finding = examine('timm', {'timm': '1.0.9'})
    assert finding.state == 'differs' and 'timm 1.0.9 was not tested: leave it while it works' in finding.advice
    assert '"timm==1.0.31"' in finding.advice


def test_another_torch_means_another_mmcv(examine):
    assert 'mmcv must be built for it' in examine('torch', {'torch': '2.10.0+cu128'}).advice


@pytest.mark.parametrize('installed, family', [
    ({}, 'forks'), ({'torch': '2.1.2+cu121'}, 'forks'), ({'onedl-mmcv': '2.3.6', 'mmdet': '3.3.0'}, 'forks'),
    ({'mmcv': '2.1.0', 'torch': '2.4.1', 'onedl-mmcv': None}, 'original'), ({'mmcv': '2.2.0'}, 'original-torch2.6'),
    ({'mmdet': '3.3.0', 'torch': '2.1.2+cu121'}, 'original'), ({'mmengine': '0.10.7', 'torch': '2.6.0'},
                                                              'original-torch2.6')])
def test_versions_are_compared_with_the_nearest_family(check_env, installed, family):
    assert check_env.family_of(installed) == family


def test_the_original_packages_stay_in_their_family(examine):
    assert examine('mmdet.models', {'mmdet': '3.3.0'}, tested=ORIGINALS).state == 'ok'
    finding = examine('mmcv.ops', {'mmcv': '2.0.1'}, tested=ORIGINALS)
    assert finding.state == 'differs' and 'mmcv_wheel.py mmcv==2.1.0' in finding.advice
    finding = examine('mmcv.ops', {}, "ModuleNotFoundError: No module named 'mmcv'", tested=ORIGINALS)
    assert finding.state == 'missing' and 'mmcv_wheel.py mmcv==2.1.0' in finding.advice
    finding = examine('diffusers.models.attention', {'diffusers': '0.42.1'}, "AttributeError: no attribute 'xpu'",
                      tested=ORIGINALS)
    assert finding.state == 'broken' and '"diffusers==0.35.2"' in finding.advice


def test_an_mmdet_that_refuses_its_mmcv_is_told_to_take_it_or_gets_another(examine):
    refusal = 'AssertionError: MMCV=={} is used but incompatible. Please install mmcv>=2.0.0rc4, <2.2.0.'
    finding = examine('mmdet.models', {'mmdet': '3.3.0'}, refusal.format('2.2.0'), tested=ORIGINALS)
    assert finding.state == 'broken' and 'mmcv_ceiling.py` lets it take this mmcv' in finding.advice
    finding = examine('mmdet.models', {'mmdet': '3.3.0'}, refusal.format('1.7.2'), tested=ORIGINALS)
    assert finding.advice.endswith('see mmcv in this list first')


def test_a_package_of_another_family_is_replaced_by_that_of_the_rest(examine):
    finding = examine('mmdet.models', {'mmdet': '3.3.0'})
    assert finding.state == 'differs' and finding.installed == 'mmdet 3.3.0'
    assert '`pip uninstall -y mmdet`, then `pip install --no-deps "onedl-mmdetection==3.5.1"`' in finding.advice


def test_both_families_at_once_are_a_fault_even_while_they_import(examine):
    finding = examine('mmengine.runner', {'mmengine': '0.10.7', 'onedl-mmengine': '0.10.12'})
    assert finding.state == 'differs' and 'pip uninstall -y onedl-mmengine mmengine' in finding.advice


def test_either_opencv_will_do_and_both_as_well(examine):
    assert examine('cv2', {'opencv-python': '4.12.0.88'}).state == 'differs'
    assert examine('cv2', {'opencv-python': '4.12.0.88', 'opencv-python-headless': '4.12.0.88'}).state == 'ok'


def test_operators_that_do_not_import_are_built_again(examine):
    finding = examine('mmcv.ops', {'onedl-mmcv': '2.3.6'}, 'ImportError: undefined symbol')
    assert finding.state == 'broken' and 'undefined symbol' in finding.advice
    assert 'mmcv_wheel.py onedl-mmcv==2.3.6' in finding.advice


def test_torchvision_that_does_not_import_is_guarded(examine):
    finding = examine('torchvision', {'torchvision': '0.28.0'}, 'RuntimeError: operator does not exist')
    assert finding.state == 'broken' and 'torchvision_guard.py` repairs it' in finding.advice


def test_a_missing_dependency_is_named_rather_than_its_user(examine):
    finding = examine('mmengine.runner', {'onedl-mmengine': '0.10.12'}, "ModuleNotFoundError: No module named 'addict'")
    assert finding.advice.endswith('`pip install addict`')
    finding = examine('mmdet.models', {'onedl-mmdetection': '3.5.1'}, "ModuleNotFoundError: No module named 'mmcv'")
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


@pytest.mark.parametrize('absent, failing, status', [
    (None, None, 0), ('mlxtend', None, 0), ('mmpretrain', None, 0), ('mmdet', None, 0), (None, 'mmdet', 1),
    ('mmdet', 'mmpretrain', 1)])
def test_the_status_says_whether_searches_run(check_env, monkeypatch, capsys, absent, failing, status):
    def search(use):
        if use.framework == failing:
            raise RuntimeError('ValueError: no')
        return 'a bar is found'
    version = check_env.installed_version
    monkeypatch.setattr(check_env, 'search', search)
    monkeypatch.setattr(check_env, 'installed_version', lambda package: None if absent and package.endswith((
        absent, absent + 'ection')) else version(package))
    monkeypatch.setattr(check_env, 'try_imports', lambda modules: {
        module: f"ModuleNotFoundError: No module named '{absent}'" if module.split('.')[0] == absent else 'imports'
        for module in modules})
    assert check_env.main() == status
    out = capsys.readouterr().out
    for what, use in check_env.USES.items():
        assert {absent: f'{what} needs {use.framework}, which is not installed.',
                failing: f'{what} does not work (ValueError: no): '}.get(use.framework, f'{what} works: ') in out
    assert f'{sys.version_info.major}.{sys.version_info.minor}' in out


@pytest.mark.parametrize('active', [True, False])
def test_an_environment_that_is_prepared_here_comes_first(check_env, monkeypatch, capsys, tmp_path, active):
    """Where something is missing and another environment is active."""
    (tmp_path / '.venv/bin').mkdir(parents=True)
    (tmp_path / '.venv/bin/python').touch()
    monkeypatch.setattr(check_env, 'ROOT', tmp_path)
    monkeypatch.setattr(check_env.sys, 'prefix', str(tmp_path / '.venv') if active else sys.prefix)
    monkeypatch.setattr(check_env, 'search', lambda use: 'a bar is found')
    monkeypatch.setattr(check_env, 'installed_version', lambda package: None)
    monkeypatch.setattr(check_env, 'try_imports', lambda modules: dict.fromkeys(modules, 'ModuleNotFoundError: no'))
    check_env.main()
    out = capsys.readouterr().out
    assert ('- `make setup` has prepared .venv here: activate it' in out) != active


def test_a_search_that_fails_gives_its_last_line_as_the_reason(check_env):
    use = check_env.USES['Classification']
    with pytest.raises(RuntimeError, match='^FileNotFoundError: .*none.pth can not be found'):
        check_env.search(use._replace(search=(use.search[0], 'none.pth', *use.search[2:])))


def test_what_is_searched_is_shipped_and_found(check_env):
    assert all(Path(path).is_file() for use in check_env.USES.values() for path in use.search[:2])
    assert check_env.search(check_env.USES['Classification']).startswith('a bar is found to be [1] by ')
