"""The converter on a checkpoint under the public names; numbers are those of the original code."""
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from helpers.converters import run
from mmengine.config import Config

from dive_mmdet.diffusion.published.dit_keys import generator_config
from dive_mmdet.registry import MODELS

ROOT = Path(__file__).parents[2]
DATA = ROOT / 'tests/data/dit'


@pytest.fixture(scope='module')
def autoencoder(tmp_path_factory):
    """Eight times smaller latents of four channels, as the public one gives."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp('vae')
    AutoencoderKL(down_block_types=['DownEncoderBlock2D'] * 4, up_block_types=['UpDecoderBlock2D'] * 4,
                  block_out_channels=[32] * 4, norm_num_groups=8).save_pretrained(folder)
    return folder


@pytest.mark.parametrize('kept_as', ['bare', 'ema'])
def test_what_was_written_computes_what_the_original_did(kept_as, tmp_path, autoencoder):
    source = DATA / 'model.pt'
    if kept_as == 'ema':
        weights = torch.load(source, weights_only=True)
        source = tmp_path / 'training.pt'
        raw = {key: value + 1 for key, value in weights.items()}
        torch.save(dict(model=raw, ema=weights, opt={}, args=None), source)
    assert run('dit_to_dive', source, tmp_path / 'dit.pth', '--first-stage', autoencoder, '--num-heads', 3) == ''
    generator = MODELS.build(Config.fromfile(tmp_path / 'dit.py').generator)
    state = torch.load(tmp_path / 'dit.pth', weights_only=True)['state_dict']
    generator.load_state_dict({name.removeprefix('backbone.'): value for name, value in state.items()})
    recorded = {name: torch.from_numpy(value) for name, value in np.load(DATA / 'io.npz').items()}
    ids = recorded['y'][:, None]
    with torch.no_grad():
        epsilon = generator.predict_noise(recorded['x'], recorded['t'], generator.embed(ids))
        latents = generator.encode(torch.zeros(1, 3, 64, 64))
    torch.testing.assert_close(epsilon, recorded['output'][:, :4], rtol=0, atol=5e-5)
    assert latents.shape == (1, 4, 8, 8) and generator.vocabulary.num_classes == 10


def test_the_released_sizes():
    """DiT-XL/2 for 256 pixels, whose weights the tests do not hold; nothing is allocated."""
    width, layers = 1152, 28
    with torch.device('meta'):
        weights = {'x_embedder.proj.weight': torch.empty(width, 4, 2, 2), 'pos_embed': torch.empty(1, 256, width),
                   'final_layer.linear.weight': torch.empty(32, width),
                   'y_embedder.embedding_table.weight': torch.empty(1001, width),
                   **{f'blocks.{index}.mlp.fc1.weight': torch.empty(4 * width, width) for index in range(layers)}}
        config = generator_config(weights, dict(type='dive_mmdet.IdentityFirstStage'))
        generator = MODELS.build(config)
    assert config['num_classes'] == 1000 and config['denoiser'] == dict(
        type='dive_mmdet.DiT', sample_size=32, channels=4, patch_size=2, width=width, num_layers=layers, num_heads=16,
        mlp_ratio=4.0, learn_sigma=True)
    assert round(sum(weight.numel() for weight in generator.parameters()) / 1e6) == 675


@pytest.mark.parametrize('change, options, sentence', [
    (lambda w: w.pop('blocks.1.attn.qkv.weight'), (3,), 'blocks.1.attn.qkv.weight'),
    (lambda w: w.pop('pos_embed'), (3,), "lacks 'pos_embed'"),
    (lambda w: w.update(extra=torch.zeros(1)), (3,), 'denoiser.extra'),
    (lambda w: None, (), 'No published DiT is 48 wide and 2 layers deep'),
])
def test_checkpoints_that_do_not_fit_are_named_and_nothing_is_written(change, options, sentence, tmp_path):
    weights = torch.load(DATA / 'model.pt', weights_only=True)
    change(weights)
    torch.save(weights, tmp_path / 'changed.pt')
    heads = ('--num-heads', *options) if options else ()
    said = run('dit_to_dive', tmp_path / 'changed.pt', tmp_path / 'out.pth', '--first-stage', 'identity', *heads)
    assert sentence in said and not list(tmp_path.glob('out*'))


def test_a_missing_first_stage_says_what_to_get(tmp_path):
    said = run('dit_to_dive', DATA / 'model.pt', tmp_path / 'out.pth', '--first-stage', tmp_path / 'nowhere',
               '--num-heads', 3)
    assert 'No first stage at' in said and 'put a diffusers AutoencoderKL directory there' in said
