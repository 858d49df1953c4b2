"""A crafted file in every place where one of ours, or the framework for us, opens a checkpoint: refused, not executed.
"""
import pickle
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmdet.apis import init_detector
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner, load_checkpoint

from dive_mmdet.checkpoint_guard import load_from_local
from dive_mmdet.diffusion.first_stage import KLFirstStage
from dive_mmdet.diffusion.untrusted import UnreadableCheckpoint

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT / 'tools'


class Payload:
    """Makes a file when it is unpickled in earnest."""

    def __init__(self, made):
        self.made = made

    def __reduce__(self):
        return open, (str(self.made), 'w')


class Reached:
    """Asks, through what the Runner's checkpoints are allowed, for something else."""

    def __reduce__(self):
        return getattr, (HistoryBuffer, '__init__')


@pytest.fixture(params=['whole', 'beside weights', 'plain pickle', 'by getattr'])
def crafted(request, tmp_path):
    """A checkpoint that would make the file `made` beside it."""
    path, payload = tmp_path / 'crafted.pth', Payload(tmp_path / 'made')
    if request.param == 'plain pickle':
        path.write_bytes(pickle.dumps(dict(state_dict=payload)))
    else:
        torch.save({'whole': payload, 'by getattr': dict(state_dict={}, x=Reached()),
                    'beside weights': dict(state_dict={'a': torch.zeros(1)}, meta=payload)}[request.param], path)
    yield path
    assert not (tmp_path / 'made').exists()


def test_the_payload_works_where_nothing_guards(tmp_path):
    pickle.loads(pickle.dumps(Payload(tmp_path / 'made')))
    assert (tmp_path / 'made').exists()


def test_the_framework_refuses_it(crafted, tiny_detector):
    with pytest.raises(UnreadableCheckpoint):
        load_checkpoint(torch.nn.Linear(1, 1), str(crafted))
    with pytest.raises(UnreadableCheckpoint):
        init_detector(str(tiny_detector / 'config.py'), str(crafted), device='cpu')


def tool(name: str, *arguments, monkeypatch) -> None:
    monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments)])
    monkeypatch.syspath_prepend(str((TOOLS / name).parent))
    runpy.run_path(str(TOOLS / name), run_name='__main__')


def test_our_tools_refuse_it(crafted, tiny_detector, tmp_path, monkeypatch):
    config, out = tiny_detector / 'config.py', tmp_path / 'out.pth'
    layout = ('--layout', '3: 8 8 28 32')
    for name, arguments in {
        'misc/publish_weights.py': (crafted, out),
        'misc/assemble.py': (config, out, '--generator', crafted, '--prior', crafted),
        'misc/calibrate.py': (config, crafted, '--ann-file', 'truth.json', '--img-prefix', 'images/', '--work-dir',
                              tmp_path / 'calibrate'),
        'model_converters/ldm_to_dive.py': (crafted, ROOT / 'tests/data/layout2img/config.yaml', out,
                                            '--num-classes', '3'),
        'model_converters/dit_to_dive.py': (crafted, out, '--first-stage', 'identity'),
        'sample.py': (config, crafted, *layout, '--out', tmp_path / 'out.png'),
        'test.py': (config, crafted, '--work-dir', tmp_path / 'test'),
        'train.py': (ROOT / 'configs/generator/layout_patch-transformer_digit-scenes.py', '--work-dir',
                     tmp_path / 'train', '--cfg-options', f'load_from={crafted}', 'val_cfg=None',
                     'val_dataloader=None', 'val_evaluator=None'),
    }.items():
        with pytest.raises((UnreadableCheckpoint, SystemExit)) as refused:
            tool(name, *arguments, monkeypatch=monkeypatch)
        assert 'crafted.pth' in str(refused.value), name
        assert not out.exists() and not (tmp_path / 'made').exists(), name


def test_a_first_stage_refuses_it(crafted):
    with pytest.raises(Exception, match='.'):
        KLFirstStage(pretrained=str(crafted))


def test_the_frameworks_own_test_refuses_it_once_it_has_read_a_config_of_ours(tiny_detector, tmp_path):
    import mmdet
    torch.save(dict(state_dict={}, meta=Payload(tmp_path / 'made')), tmp_path / 'crafted.pth')
    done = subprocess.run([sys.executable, str(Path(mmdet.__file__).parent / '.mim/tools/test.py'),
                           str(tiny_detector / 'config.py'), str(tmp_path / 'crafted.pth'), '--work-dir',
                           str(tmp_path / 'test')], capture_output=True, text=True)
    assert done.returncode and 'crafted.pth holds an object of type' in done.stderr.strip().splitlines()[-1]
    assert not (tmp_path / 'made').exists()


def test_what_the_runner_writes_is_still_read_whole(tiny_detector, tmp_path):
    config = Config(dict(
        default_scope='mmengine', work_dir=str(tmp_path), model=dict(type='ToyModel')))
    del config
    losses = HistoryBuffer()
    losses.update(0.5, 2)
    torch.save(dict(state_dict={'a': torch.ones(2)}, message_hub=dict(log_scalars={'train/loss': losses})),
               tmp_path / 'iter_1.pth')
    loaded = load_from_local(tmp_path / 'iter_1.pth')
    assert loaded['message_hub']['log_scalars']['train/loss'].mean() == losses.mean() == 0.25
    assert Runner is not None
