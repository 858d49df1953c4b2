"""The published layout-to-image networks, number for number, on a tiny model with random weights.

Everything is built as a user builds it: a `LayoutGenerator` from a config, its weights from a checkpoint in the public
layout. Tolerances are those of the recording, about ten times what rounding moves.
"""
from pathlib import Path

import numpy as np
import pytest
import torch

from dive_mmdet.diffusion.published import ldm_keys
from dive_mmdet.registry import MODELS
from dive_mmdet.training.denoising_loss import DenoisingLoss

DATA = Path(__file__).parents[1] / 'data/ldm_layout2img'
ATOL = 5e-5
UNET = dict(type='SpatialTransformerUNet', sample_size=8, channels=3, base_channels=32, channel_mult=(1, 2),
            num_res_blocks=1, attention_downsampling=(1, 2), transformer_depth=1, context_dim=16)
GENERATOR = dict(
    type='LayoutGenerator',
    vocabulary=dict(num_classes=20, num_objects=3, num_tokens=128, shared_ids=True, encode_crop=True, use_group=True),
    table=dict(dim=16),
    first_stage=dict(type='VQFirstStage', model=dict(
        in_channels=3, out_channels=3, down_block_types=['DownEncoderBlock2D'] * 3,
        up_block_types=['UpDecoderBlock2D'] * 3, block_out_channels=[32, 32, 32], layers_per_block=1,
        latent_channels=3, vq_embed_dim=3, num_vq_embeddings=64)),
    schedule=dict(type='NoiseSchedule'),
    condition=dict(type='TokenTransformer', row_dim=16, length=11, num_layers=2),
    denoiser=UNET, prediction_type='epsilon')


@pytest.fixture(scope='module')
def checkpoint():
    return torch.load(DATA / 'model.ckpt', map_location='cpu', weights_only=True)['state_dict']


@pytest.fixture(scope='module')
def recorded():
    return {key: torch.from_numpy(value) for key, value in np.load(DATA / 'io.npz').items()}


@pytest.fixture(scope='module')
def generators(checkpoint):
    """By name of the UNet's weights: `raw` and `ema`."""
    return {name: build(checkpoint, ema=name == 'ema') for name in ('raw', 'ema')}


def build(checkpoint, ema=True, **changes):
    generator = MODELS.build({**GENERATOR, **changes})
    generator.load_state_dict(ldm_keys.generator_weights(checkpoint, ema=ema))
    return generator.eval().requires_grad_(False)


def assert_equal(ours, theirs, atol=ATOL):
    torch.testing.assert_close(ours, theirs, rtol=0, atol=atol)


def test_latents_are_not_quantised(generators, recorded):
    assert_equal(generators['ema'].encode(recorded['images']), recorded['latents'])


def test_decoding_goes_through_the_codebook(generators, recorded):
    stage, latents = generators['ema'].first_stage, recorded['latents']
    _, _, (_, _, indices) = stage.autoencoder.quantize(latents)
    assert torch.equal(indices.view(3, 8, 8), recorded['codebook_indices'])
    assert_equal(stage.decode(latents), recorded['decoded'])
    assert_equal(stage.autoencoder.decode(latents, force_not_quantize=True).sample, recorded['decoded_no_quantize'])


def test_noised_latents(generators, recorded):
    assert_equal(generators['ema'].schedule.q_sample(recorded['latents'], recorded['t'], recorded['noise']),
                 recorded['x_t'])


def test_context_of_tokens(generators, recorded):
    generator = generators['ema']
    assert_equal(generator.condition(generator.embed(recorded['tokens'])), recorded['context'])


@pytest.mark.parametrize('weights', ['raw', 'ema'])
def test_noise_prediction(generators, recorded, weights):
    generator = generators[weights]
    assert_equal(generator.denoiser(recorded['x_t'], recorded['t'], recorded['context']), recorded[f'eps_{weights}'])
    rows = generator.embed(recorded['tokens'])
    assert_equal(generator.predict_noise(recorded['x_t'], recorded['t'], rows), recorded[f'eps_{weights}'])


@pytest.mark.parametrize('weights', ['raw', 'ema'])
def test_rows_that_are_in_no_table_and_their_gradient(generators, recorded, weights):
    generator = generators[weights]
    rows = recorded['token_rows'].clone().requires_grad_()
    assert_equal(generator.condition(rows.detach()), recorded['rows_context'])
    epsilon = generator.predict_noise(recorded['x_t'], recorded['t'], rows)
    assert_equal(epsilon.detach(), recorded[f'rows_eps_{weights}'])
    loss = (epsilon - recorded['noise']).square().mean()
    torch.testing.assert_close(loss.detach(), recorded[f'rows_loss_{weights}'], rtol=1e-5, atol=0)
    loss.backward()
    expected = recorded[f'rows_grad_{weights}']
    assert_equal(rows.grad, expected, atol=1e-3 * float(expected.abs().max()))


def test_the_other_head_count_loads_and_computes_something_else(checkpoint, generators, recorded):
    """What later code makes of `num_head_channels: 32`: the trap that shapes do not reveal."""
    several = build(checkpoint, denoiser=dict(**UNET, num_heads=(1, 2)))
    inputs = recorded['x_t'], recorded['t'], recorded['context']
    assert_equal(several.denoiser(*inputs), recorded['eps_ema_multihead_wrong'])
    one, wrong = generators['ema'].denoiser(*inputs), recorded['eps_ema_multihead_wrong']
    assert float((one - wrong).norm() / wrong.norm()) > 0.2


def test_only_the_unet_has_averaged_weights(generators):
    raw, ema = (generators[name].state_dict() for name in ('raw', 'ema'))
    differ = {key for key in raw if not torch.equal(raw[key], ema[key])}
    assert differ == {key for key in raw if key.startswith('denoiser.')}


def test_the_schedule_is_the_checkpoints(generators, checkpoint):
    assert_equal(generators['ema'].schedule.alphas_cumprod.float(), checkpoint['alphas_cumprod'], atol=0)


def test_a_generator_from_the_config_embeds_and_passes_a_gradient_to_rows(recorded):
    """Without any checkpoint: what inversion does to a generator of these parts."""
    torch.manual_seed(0)
    generator = MODELS.build(GENERATOR).requires_grad_(False)
    assert generator.latent_shape == (3, 8, 8) and generator.condition.context_dim == 16
    layout = generator.tokenizer.encode([[0.1, 0.2, 0.6, 0.9]], [7])
    rows = generator.embed(layout[None]).clone().requires_grad_()
    epsilon = generator.predict_noise(recorded['x_t'][:1], recorded['t'][:1], rows)
    assert rows.shape == (1, 11, 16) and epsilon.shape == (1, 3, 8, 8)
    epsilon.square().mean().backward()
    assert bool((rows.grad.abs().sum(dim=2) > 0).all())


def test_the_generators_loss_reaches_table_condition_and_denoiser(recorded):
    torch.manual_seed(0)
    generator = MODELS.build(GENERATOR)
    loss = DenoisingLoss(generator, norm='l1')
    loss(recorded['latents'], recorded['tokens'], torch.Generator().manual_seed(0)).backward()
    untouched = {name for name, weight in generator.named_parameters() if weight.grad is None}
    assert {name.split('.')[0] for name in untouched} == {'first_stage'}


@pytest.mark.parametrize('changes, sentence', [
    (dict(sample_size=9), '2 levels need a sample_size divisible by 2, not 9'),
    (dict(base_channels=48), 'Every level needs a multiple of 32 channels'),
    (dict(attention_downsampling=(1, 4)), r'attention_downsampling names \[4\], but 2 levels downsample by \[1, 2\]'),
    (dict(num_heads=3), r'num_heads=\[3, 3\] does not divide the 2 levels of \[32, 64\] channels'),
    (dict(num_heads=(1, 1, 1)), 'give one number that does, or one a level'),
])
def test_impossible_unets_are_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        MODELS.build({**UNET, **changes})


def test_a_sequence_of_another_length_is_refused(generators):
    with pytest.raises(ValueError, match=r'Token rows of \(8, 16\) do not fit a token transformer of \(11, 16\)'):
        generators['ema'].condition(torch.zeros(1, 8, 16))


def test_the_released_sizes():
    """301 million parameters with the token table, as published; nothing is allocated."""
    with torch.device('meta'):
        unet = MODELS.build(dict(
            type='SpatialTransformerUNet', sample_size=64, channels=3, base_channels=128, channel_mult=(1, 2, 3, 4),
            num_res_blocks=2, attention_downsampling=(2, 4, 8), transformer_depth=3, context_dim=512))
        transformer = MODELS.build(dict(type='TokenTransformer', row_dim=512, length=92, num_layers=16))
    count = sum(weight.numel() for part in (unet, transformer) for weight in part.parameters()) + 8192 * 512
    assert round(count / 1e6) == 301
