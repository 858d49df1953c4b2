"""Input that cannot be right is refused in one sentence that says what, where and what to do."""
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from diffusers import AutoencoderKL
from helpers.tiny_classifier import build, images
from mmengine.config import Config

from dive_mmdet.diffusion import KLFirstStage
from dive_mmdet.hooks import InversionHook
from dive_mmdet.inversion import ConditionSpace, GradientInverter, Likelihood

ROOT = Path(__file__).resolve().parents[2]


def refusal(call, *arguments, **keywords) -> str:
    """The sentence with which a call is refused."""
    with pytest.raises(ValueError) as caught:
        call(*arguments, **keywords)
    sentence = str(caught.value)
    assert '\n' not in sentence and sentence.endswith('.') and '. ' not in sentence and len(sentence) < 250
    return sentence


@pytest.mark.parametrize('channels', [2, 4])
def test_an_image_of_the_wrong_channel_count(channels):
    wrong = torch.zeros(1, channels, 8, 8)
    assert f'Images must have 1 or 3 channels, not {channels}' in refusal(build(), wrong)
    stage = KLFirstStage(dict(block_out_channels=(32,)))
    assert isinstance(stage.autoencoder, AutoencoderKL)
    assert f'Images must have 3 channels, not {channels}' in refusal(stage.encode, wrong)


def test_an_image_of_another_size():
    assert 'resize the images in the pipeline' in refusal(build(), torch.zeros(1, 3, 10, 8))


def test_a_class_list_longer_than_the_table():
    classes = tuple(f'{index:03d}' for index in range(1000))
    loader = SimpleNamespace(dataset=SimpleNamespace(metainfo=dict(classes=classes)))
    runner = SimpleNamespace(model=build(), test_dataloader=loader)
    sentence = refusal(InversionHook().before_test, runner)
    assert 'The data set has 1000 classes (000, 001, 002, ...) and the vocabulary 5' in sentence


def test_cosine_with_a_zero_row():
    model = build()
    model.backbone.table.weight.data[3] = 0
    assert 'row of zeros, which has no direction: use the l2 distance' in refusal(
        ConditionSpace, model.backbone.vocabulary, model.backbone.table.weight, 'cosine')
    model.inverter = GradientInverter('cosine', loops=1)
    assert 'row of zeros' in refusal(model, images())


def test_a_bank_larger_than_the_schedule():
    assert '1001 pairs at timesteps [0, 1000) do not fit a schedule of 1000 steps' in refusal(
        Likelihood, build().backbone, num_pairs=1001)


def test_a_budget_smaller_than_one_loop():
    model = build()
    model.inverter = GradientInverter(max_nfe=15)  # a loop is 4 pairs, each with a backward, and a monitor
    assert 'max_nfe=15 is smaller than one loop, which costs 16 evaluations' in refusal(model, images())


@pytest.mark.parametrize('size', [256, 512])
def test_files_that_the_user_must_bring(size, tmp_path, monkeypatch):
    """What to get and where it goes, before anything is built."""
    path = ROOT / f'configs/dive_cls/dit-xl-2_{size}_imagenet.py'
    monkeypatch.syspath_prepend(ROOT / 'tools')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', ['test.py', str(path), 'weights.pth'])
    from _delegate import run_framework_tool
    for missing in Config.fromfile(path).required_files:
        with pytest.raises(SystemExit) as stop:
            run_framework_tool('test.py')
        assert stop.value.code.startswith(f'{missing} is missing: get ') and stop.value.code.endswith('.')
        (tmp_path / missing).mkdir(parents=True)
