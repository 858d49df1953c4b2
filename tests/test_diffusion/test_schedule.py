"""Schedules against recorded ones, and conversions against their closed form."""
from pathlib import Path

import numpy as np
import pytest
import torch

from dive_mmdet.diffusion.schedule import PREDICTION_TYPES, NoiseSchedule, make_betas

PUBLISHED = {'ldm': ('scaled_linear', 1000, 0.0015, 0.0205), 'dit': ('linear', 1000, 1e-4, 2e-2)}


@pytest.fixture(scope='module')
def recorded():
    return {key: torch.from_numpy(value) for key, value in np.load(
        Path(__file__).parents[1] / 'data/schedules.npz').items()}


@pytest.fixture
def sample():
    """Clean sample, noise, timesteps over the whole range and the noised sample under the default schedule."""
    generator = torch.Generator().manual_seed(0)
    x0, noise = torch.randn(2, 5, 3, 4, 4, generator=generator)
    t = torch.tensor([0, 10, 300, 700, 999])
    return x0, noise, t, NoiseSchedule().q_sample(x0, t, noise)


def coefficients(t):
    """sqrt(abar), sqrt(1 - abar) of the default schedule in double precision, (B, 1, 1, 1)."""
    abar = torch.cumprod(1 - make_betas(*PUBLISHED['ldm']), dim=0)[t].view(-1, 1, 1, 1)
    return abar.sqrt(), (1 - abar).sqrt()


@pytest.mark.parametrize('name', PUBLISHED)
def test_schedules_equal_the_originals(recorded, name):
    def assert_same(ours, theirs):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)

    schedule = NoiseSchedule(*PUBLISHED[name])
    assert_same(make_betas(*PUBLISHED[name]), recorded[f'{name}_betas'])
    assert_same(schedule.alphas_cumprod, recorded[f'{name}_alphas_cumprod'])


def test_single_precision_buffers_equal_the_originals(recorded):
    ldm, dit = (NoiseSchedule(*PUBLISHED[name]) for name in ('ldm', 'dit'))
    assert torch.equal(ldm.signal, recorded['ldm_sqrt_alphas_cumprod_f32'])
    assert torch.equal(ldm.sigma, recorded['ldm_sqrt_one_minus_alphas_cumprod_f32'])
    assert torch.equal(ldm.alphas_cumprod.float(), recorded['ldm_alphas_cumprod_f32'])
    assert torch.equal(dit.signal, recorded['dit_sqrt_alphas_cumprod'].float())
    assert torch.equal(dit.sigma, recorded['dit_sqrt_one_minus_alphas_cumprod'].float())


@pytest.mark.parametrize('name', PUBLISHED)
def test_noised_samples_equal_the_originals(recorded, name):
    x_t = NoiseSchedule(*PUBLISHED[name]).q_sample(recorded['x0'], recorded['t'], recorded['noise'])
    torch.testing.assert_close(x_t, recorded[f'{name}_q_sample'], rtol=0, atol=1e-6)


def test_the_defaults_are_the_layout_models():
    assert torch.equal(NoiseSchedule().alphas_cumprod, NoiseSchedule(*PUBLISHED['ldm']).alphas_cumprod)


@pytest.mark.parametrize('prediction_type', PREDICTION_TYPES)
def test_a_perfect_prediction_of_any_type_converts_to_the_noise(sample, prediction_type):
    x0, noise, t, x_t = sample
    signal, sigma = coefficients(t)
    prediction = {'epsilon': noise, 'sample': x0, 'v_prediction': (signal * noise - sigma * x0).float()}
    epsilon = NoiseSchedule().to_epsilon(prediction[prediction_type], x_t, t, prediction_type)
    # At t = 0 the noise is 1/26 of x_t, so rounding of x_t counts 26-fold.
    torch.testing.assert_close(epsilon, noise, rtol=0, atol=3e-5)


def test_a_perfect_noise_prediction_converts_to_the_clean_sample(sample):
    x0, noise, t, x_t = sample
    torch.testing.assert_close(NoiseSchedule().to_sample(noise, x_t, t), x0, rtol=0, atol=3e-5)


@pytest.mark.parametrize('space', PREDICTION_TYPES)
def test_error_weight_turns_a_noise_error_into_one_of_the_space(sample, space):
    """Any wrong noise is an x_0 and a v too; their errors are measured here, not derived."""
    x0, noise, t, x_t = (v.double() if v.is_floating_point() else v for v in sample)
    signal, sigma = coefficients(t)
    wrong = torch.randn(noise.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    truth = (x_t - signal * x0) / sigma
    spaces = {'epsilon': lambda e: e, 'sample': lambda e: (x_t - sigma * e) / signal,
              'v_prediction': lambda e: signal * e - sigma * (x_t - sigma * e) / signal}
    error = (spaces[space](wrong) - spaces[space](truth)).square().mean(dim=(1, 2, 3))
    weight = NoiseSchedule().error_weight(t, space)
    torch.testing.assert_close(weight.double() * (wrong - truth).square().mean(dim=(1, 2, 3)), error, rtol=1e-5, atol=0)


def test_timesteps_belong_to_their_own_items(sample):
    x0, noise, t, x_t = sample
    one_by_one = torch.cat([NoiseSchedule().q_sample(x0[[i]], t[[i]], noise[[i]]) for i in range(len(t))])
    assert torch.equal(one_by_one, x_t)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="Unknown schedule 'cosine': use 'scaled_linear' or 'linear'"):
        NoiseSchedule('cosine')
    with pytest.raises(ValueError, match="Unknown error space 'x0': use one of epsilon, sample, v_prediction"):
        NoiseSchedule().error_weight(torch.tensor([0]), 'x0')
