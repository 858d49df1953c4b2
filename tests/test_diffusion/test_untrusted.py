"""Checkpoints are read as weights alone, wherever they are opened: a pickle that would make a file makes none."""
import io
import json
import pickle
import runpy
import shutil
import sys
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import mmdet
import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from mmengine.config import Config
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner import load_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader, load_from_local
from safetensors.torch import save_file

from dive_mmdet.checkpoints.inert_pickle import inert_pickle
from dive_mmdet.checkpoints.untrusted import UnreadableCheckpoint, guard_loading, load_untrusted
from dive_mmdet.compat import TORCH
from dive_mmdet.diffusion.first_stage import KLFirstStage
from dive_mmdet.engine.configured import load_config
from dive_mmdet.engine.run import run_test
from dive_mmdet.registry import HOOKS

ROOT = Path(__file__).resolve().parents[2]
MMDET_TEST = Path(mmdet.__file__).parent / '.mim/tools/test.py'
DIVE = str(ROOT / 'configs/dive/dive_digit-scenes.py')
PRIOR = str(ROOT / 'configs/prior/layout-prior_digit-scenes.py')
LAYOUT2IMG = ROOT / 'tests/data/ldm_layout2img/config.yaml'
DIVE_CLS = str(ROOT / 'configs/dive_cls/dive_mnist-5k.py')
FASTER_RCNN = str(ROOT / 'configs/faster_rcnn/faster-rcnn_r18_digit-scenes.py')


class Call:
    """Unpickling it calls a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call

    def __call__(self):  # or the pickler would not take one as the function of another
        raise AssertionError


@pytest.fixture(autouse=True)
def unguarded():
    """Every test starts with mmengine's own loader, and leaves it."""
    def restore():
        CheckpointLoader.register_scheme('', load_from_local, force=True)
        CheckpointLoader.register_scheme([r'(\S+\:)?s3://', r'(\S+\:)?petrel://'], mmengine_checkpoint.load_from_ceph,
                                         force=True)
        CheckpointLoader.register_scheme('pavi://', mmengine_checkpoint.load_from_pavi, force=True)
        mmengine_checkpoint.load_url = torch.hub.load_state_dict_from_url
    restore()
    yield
    restore()


@pytest.fixture
def bad(tmp_path):
    """A checkpoint that makes a file when it is unpickled, and a check that nobody did."""
    path = tmp_path / 'bad.pth'
    torch.save(dict(state_dict={}, meta=dict(extra=Call(open, str(tmp_path / 'made'), 'w'))), path)
    yield str(path)
    assert not (tmp_path / 'made').exists()


@pytest.fixture
def data(tmp_path):
    """Options that name annotations of one image that nobody will read."""
    categories = [dict(id=label, name=str(label)) for label in range(10)]
    (tmp_path / 'truth.json').write_text(json.dumps(dict(
        images=[dict(id=0, file_name='0.png', height=64, width=64)], annotations=[], categories=categories)))
    return {name: value for part in ('val', 'test') for name, value in {
        f'{part}_dataloader.dataset.data_root': f'{tmp_path}/', f'{part}_dataloader.dataset.ann_file': 'truth.json',
        f'{part}_evaluator.ann_file': f'{tmp_path}/truth.json'}.items()}


@pytest.mark.skipif(TORCH >= (2, 6) and not hasattr(mmengine_checkpoint, '_safe_torch_load'),
                    reason='the original mmengine leaves it to torch, which builds nothing since 2.6')
def test_mmengines_own_loader_builds_anything(tmp_path):
    """What the other tests would see if nobody guarded."""
    torch.save(dict(extra=Call(open, str(tmp_path / 'made'), 'w')), tmp_path / 'bad.pth')
    load_checkpoint(torch.nn.Identity(), str(tmp_path / 'bad.pth'))
    assert (tmp_path / 'made').exists()


@pytest.fixture
def served(tmp_path, monkeypatch):
    """The address of a server of this machine that hands out what lies in tmp_path; downloads go to a new folder."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    monkeypatch.setattr(handler.func, 'log_message', lambda *_: None)
    server = ThreadingHTTPServer(('127.0.0.1', 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    monkeypatch.setattr(torch.hub, '_hub_dir', None)
    yield f'http://127.0.0.1:{server.server_port}'
    server.shutdown()
    server.server_close()


def test_what_was_read_as_safetensors_is_not_read_as_a_pickle(tmp_path, monkeypatch):
    """A file may be both: its header's length of 8 bytes may begin as a zip archive does, whose index is at its end."""
    save_file(dict(weight=torch.ones(2)), tmp_path / 'both.safetensors')
    guard_loading()
    monkeypatch.setattr(torch, 'load', lambda *args, **settings: pytest.fail('read as a pickle'))
    assert list(CheckpointLoader.load_checkpoint(str(tmp_path / 'both.safetensors'))) == ['weight']


@pytest.mark.parametrize('scheme', ['http', 'torchvision'])
def test_downloads_are_guarded(bad, served, tmp_path, monkeypatch, scheme):
    torch.save(dict(weight=torch.eye(2), bias=torch.ones(2)), tmp_path / 'good.pth')
    urls = {name: f'{served}/{name}.pth?from=test' for name in ('good', 'bad')}
    monkeypatch.setattr(mmengine_checkpoint, 'get_torchvision_models', lambda: urls)
    guard_loading()
    model, addresses = torch.nn.Linear(2, 2), urls if scheme == 'http' else {name: f'torchvision://{name}'
                                                                            for name in urls}
    load_checkpoint(model, addresses['good'])
    assert torch.equal(model.weight, torch.eye(2)) and (tmp_path / 'torch/hub/checkpoints/good.pth').is_file()
    with pytest.raises(UnreadableCheckpoint, match='bad.pth holds an object of type io.open'):
        load_checkpoint(model, addresses['bad'])


@pytest.mark.parametrize('address', ['s3://bucket/x.pth', 'cluster:petrel://x.pth', 'pavi://x'])
def test_other_stores_are_refused(address):
    guard_loading()
    with pytest.raises(UnreadableCheckpoint, match=f'^{address} is not opened: only files and https:// are read'):
        load_checkpoint(torch.nn.Identity(), address)


def test_what_the_runner_writes_is_read_and_resumed_from(tmp_path):
    hub = MessageHub.get_instance('untrusted')
    hub.update_scalar('train/loss', np.float64(0.5))
    hub.update_info('seen', np.arange(3))
    torch.save(dict(state_dict=dict(weight=torch.eye(2)), message_hub=hub.state_dict(), meta=dict(iter=3)),
               tmp_path / 'iter_3.pth')
    assert torch.equal(load_untrusted(tmp_path / 'iter_3.pth')['state_dict']['weight'], torch.eye(2))
    guard_loading()
    loaded = CheckpointLoader.load_checkpoint(str(tmp_path / 'iter_3.pth'))['message_hub']
    assert loaded['log_scalars']['train/loss'].current() == 0.5
    assert loaded['runtime_info']['seen'].tolist() == [0, 1, 2]


@pytest.mark.parametrize('path', sorted((ROOT / 'weights').glob('*.pth')), ids=lambda path: path.stem)
@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'legacy'])
def test_plain_checkpoints_are_read_as_torch_reads_them(tmp_path, path, zipped):
    weights = torch.load(path, map_location='cpu', weights_only=True)
    weights.update(linear=torch.nn.Linear(2, 2).state_dict(), dtype=torch.bfloat16, size=torch.Size([2]), text=b'\xff',
                   parameter=torch.nn.Parameter(torch.eye(2)), labels={1, 2}, empty=b'')
    torch.save(weights, tmp_path / 'plain.pth', _use_new_zipfile_serialization=zipped)
    read, expected = load_untrusted(tmp_path / 'plain.pth'), torch.load(tmp_path / 'plain.pth', weights_only=False)
    torch.testing.assert_close(read.pop('state_dict'), expected.pop('state_dict'), rtol=0, atol=0)
    torch.testing.assert_close(read['linear'], expected['linear'], rtol=0, atol=0)
    assert read.pop('linear')._metadata == expected.pop('linear')._metadata
    assert repr(read) == repr(expected)


def test_files_that_torch_hands_to_other_readers_are_not_read(tmp_path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / 'script.pth'))
    with tarfile.open(tmp_path / 'old.pth', 'w') as tar:
        tar.add(tmp_path / 'script.pth', 'storages')
    for name in ('script', 'old'):
        with pytest.raises(UnreadableCheckpoint, match=f'{name}.pth holds an object of type TorchScript or'):
            load_untrusted(tmp_path / f'{name}.pth')


def test_torchs_own_switch_does_not_change_what_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '1')
    torch.save(dict(weight=torch.eye(2)), tmp_path / 'plain.pth')
    assert torch.equal(load_untrusted(tmp_path / 'plain.pth')['weight'], torch.eye(2))


@pytest.mark.parametrize('built', [
    b'ctorch._utils\n_rebuild_tensor_v2\n(N(dVx\nI1\nstb.',
    b'ccollections\nOrderedDict\n(N(dV__len__\nI1\nstb.',
    b'(ccollections\nOrderedDict\no.', b'(icollections\nOrderedDict\n.', b'\x80\x04\x82\x01.',
    b'ccopyreg\n_reconstructor\n.', b'c__builtin__\neval\n.', b'ctorch.storage\n_load_from_bytes\n.',
    b'cnumpy.core.multiarray\nscalar\n.', b'ctorch\nFloatStorage\n(tR.', b'N(tR.', b'',
], ids=['state-of-function', 'state-of-class', 'obj', 'inst', 'extension', 'copyreg', 'eval', 'bytes-of-pickle',
        'unknown', 'call-of-storage', 'call-of-none', 'empty'])
def test_the_reader_takes_no_step_but_its_own(built):
    with pytest.raises((pickle.UnpicklingError, KeyError, EOFError)):
        inert_pickle({}).load(io.BytesIO(built))
    assert not hasattr(torch._utils._rebuild_tensor_v2, 'x')


@pytest.mark.parametrize('built', [
    lambda target: Call(getattr, HistoryBuffer, '__init__'),
    lambda target: Call(getattr, torch.Size, 'count'),
    lambda target: Call(Call(getattr, open, '__call__'), target, 'w'),
    lambda target: Call(Call(getattr, HistoryBuffer, 'mean'), target),
], ids=['private', 'foreign', 'called', 'statistic-called'])
def test_of_attributes_only_the_statistics_are_named_and_none_is_called(tmp_path, built):
    torch.save(dict(extra=built(str(tmp_path / 'made'))), tmp_path / 'bad.pth')
    with pytest.raises(UnreadableCheckpoint, match='only weights are read'):
        load_untrusted(tmp_path / 'bad.pth')
    assert not (tmp_path / 'made').exists()


@pytest.mark.parametrize('index', [0, 1])
def test_hooks_guard_before_the_runner_loads(bad, index):
    hook = HOOKS.build(Config.fromfile(DIVE).custom_hooks[index])
    hook.install = lambda _: None
    hook.before_run(SimpleNamespace(model=torch.nn.Linear(1, 1), cfg=None))
    with pytest.raises(UnreadableCheckpoint):
        load_checkpoint(torch.nn.Identity(), bad)


def test_the_one_way_to_run_guards(bad, data, tmp_path):
    with pytest.raises(UnreadableCheckpoint):
        run_test(load_config(str(FASTER_RCNN), data), bad, tmp_path / 'run', show=lambda line: None)


# Where nobody refused, a training would go on for long.
SHORT = ('train_cfg.max_iters=1', 'train_dataloader.batch_size=1')
TOOLS = {
    'test': ('tools/test.py', FASTER_RCNN, 'BAD', '--work-dir', 'WORK', '--cfg-options', 'DATA'),
    'train from': ('tools/train.py', FASTER_RCNN, '--work-dir', 'WORK', '--cfg-options', 'load_from=BAD', *SHORT,
                   'DATA'),
    'train on': ('tools/train.py', FASTER_RCNN, '--work-dir', 'WORK', '--resume', 'BAD', '--cfg-options', *SHORT,
                 'DATA'),
    'prior': ('tools/train.py', PRIOR, '--work-dir', 'WORK', '--cfg-options', 'model.generator=BAD'),
    'hook': (MMDET_TEST, DIVE, 'BAD', '--work-dir', 'WORK', '--cfg-options', 'test_cfg.type=TestLoop', 'DATA'),
    'loop': (MMDET_TEST, FASTER_RCNN, 'BAD', '--work-dir', 'WORK', '--cfg-options',
             'test_cfg.type=dive_mmdet.ResumableTestLoop', 'DATA'),
    'sample': ('tools/sample.py', DIVE, 'BAD', '--layout', '3: 8 8 28 32', '--out', 'WORK/x.png'),
    'publish': ('tools/misc/publish_weights.py', 'BAD', 'WORK/x.pth'),
    'assemble': ('tools/misc/assemble.py', DIVE, 'WORK/x.pth', '--generator', 'BAD', '--prior', 'BAD'),
    'calibrate': ('tools/misc/calibrate.py', DIVE, 'BAD', '--ann-file', 'truth.json', '--img-prefix', '.', '--work-dir',
                  'WORK', '--cfg-options', 'DATA'),
    'classify': ('tools/analysis_tools/evaluate.py', DIVE_CLS, 'BAD', '--images', '1', '--out', 'WORK'),
    'stages': ('tools/analysis_tools/tune_stages.py', DIVE_CLS, 'BAD', '--images', '1'),
    'evaluate': ('tools/analysis_tools/evaluate.py', DIVE, 'BAD', '--out', 'WORK', '--cfg-options', 'DATA'),
    'search quality': ('tools/analysis_tools/search_quality.py', DIVE, 'BAD', '--work-dir', 'WORK', '--cfg-options',
                       'DATA'),
    'converter of DiT': ('tools/model_converters/dit_to_dive.py', 'BAD', 'WORK/x.pth', '--first-stage', 'identity'),
    'converter of layouts': ('tools/model_converters/ldm_to_dive.py', 'BAD', LAYOUT2IMG, 'WORK/x.pth', '--num-classes',
                             '3'),
    'check': ('tools/analysis_tools/check_generator.py', DIVE, 'BAD', '--images', '1', '--cfg-options', 'DATA'),
}


@pytest.mark.parametrize('name', TOOLS)
def test_tools_guard(bad, data, tmp_path, monkeypatch, name):
    options = [f'{key}={value}' for key, value in data.items()]
    tool, *arguments = (part for each in TOOLS[name] for part in (options if each == 'DATA' else [str(each)]))
    arguments = [each.replace('BAD', bad).replace('WORK', str(tmp_path / 'work')) for each in arguments]
    for folder in ('tools', 'tools/misc', 'tools/analysis_tools', 'tools/model_converters'):
        monkeypatch.syspath_prepend(ROOT / folder)
    monkeypatch.setattr(sys, 'argv', [tool, *arguments])
    refusal = r'bad\.pth (holds an object of type io\.open|is not plain)'
    with pytest.raises((UnreadableCheckpoint, ValueError, SystemExit), match=refusal):
        runpy.run_path(str(ROOT / tool), run_name='__main__')
    assert not list(tmp_path.glob('work/x.*'))


def test_first_stages_are_guarded(bad, tmp_path):
    folder = tmp_path / 'first_stage'
    AutoencoderKL(block_out_channels=(32,)).save_pretrained(folder, safe_serialization=False)
    KLFirstStage(pretrained=str(folder))
    shutil.copy(bad, folder / 'diffusion_pytorch_model.bin')
    for pretrained, error in ((bad, UnreadableCheckpoint), (str(folder), OSError)):  # diffusers guards folders itself
        with pytest.raises(error):
            KLFirstStage(pretrained=pretrained)
