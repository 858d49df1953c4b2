"""The denoising error in each space, against the error measured there, and a bank that nothing disturbs."""
import pytest
import torch
from helpers.painting import PaintingGenerator

from dive_mmdet.inversion import Likelihood


@pytest.fixture
def items():
    """A generator that looks at x_t, images that it cannot paint, and rows."""
    generator = PaintingGenerator(leak=0.2)
    rows = generator.embed(torch.stack([generator.layout((0, 1, 1, 7, 7)), generator.layout((2, 3, 3, 12, 9)),
                                        generator.layout()]))
    return generator, torch.randn(3, 1, 16, 16, generator=torch.Generator().manual_seed(0)), rows


def errors_in(space, generator, likelihood, latents, rows, pair):
    """Squared error of the prediction expressed in `space`, measured there; (B, 1, h, w) in double precision."""
    t, noise = likelihood.bank.timesteps[pair], likelihood.bank.noise[pair].double()
    signal = generator.schedule.alphas_cumprod[t].sqrt()
    sigma = (1 - generator.schedule.alphas_cumprod[t]).sqrt()
    x0 = latents.double()
    x_t = signal * x0 + sigma * noise
    guess = generator.paint(rows).double() + generator.leak * x_t
    epsilon = (x_t - signal * guess) / sigma
    predicted = {'sample': guess, 'epsilon': epsilon, 'v_prediction': signal * epsilon - sigma * guess}[space]
    return (predicted - {'sample': x0, 'epsilon': noise, 'v_prediction': signal * noise - sigma * x0}[space]).square()


@pytest.mark.parametrize('space', ['epsilon', 'sample', 'v_prediction'])
def test_weighting_by_space_equals_the_error_measured_there(items, space):
    generator, latents, rows = items
    likelihood = Likelihood(generator, num_pairs=5, low=50, high=950, space=space)
    for pair in range(5):
        expected = errors_in(space, generator, likelihood, latents, rows, pair)
        pairs = torch.full((3,), pair)
        torch.testing.assert_close(likelihood.pair_errors(latents, rows, pairs).double(),
                                   expected.mean(dim=(1, 2, 3)), rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(likelihood.pair_errors(latents, rows, pairs, reduce=False).double(),
                                   expected.mean(dim=1), rtol=1e-2, atol=1e-4)


def test_every_item_gets_its_own_pair(items):
    generator, latents, rows = items
    likelihood = Likelihood(generator, num_pairs=3, space='epsilon')
    together = likelihood.pair_errors(latents, rows, torch.tensor([2, 0, 1]))
    alone = [likelihood.pair_errors(latents[[i]], rows[[i]], torch.tensor([pair])) for i, pair in enumerate([2, 0, 1])]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-6, atol=0)
    assert len({round(float(error), 4) for error in together}) == 3


@pytest.mark.parametrize('batch_size', [1, 4, 256])
def test_the_bank_does_not_depend_on_the_batch(items, batch_size):
    generator, latents, rows = items
    torch.manual_seed(batch_size)
    likelihood = Likelihood(generator, num_pairs=4)
    bank = [buffer.clone() for buffer in likelihood.bank.buffers()]
    together = likelihood.energy(latents, rows, batch_size)
    alone = torch.cat([Likelihood(generator, num_pairs=4).energy(latents[[i]], rows[[i]]) for i in (2, 0, 1)])
    torch.testing.assert_close(together[[2, 0, 1]], alone, rtol=1e-6, atol=0)
    reference = Likelihood(generator, num_pairs=4).bank
    for after, before, fresh in zip(likelihood.bank.buffers(), bank, reference.buffers()):
        assert torch.equal(after, before) and torch.equal(after, fresh)


def test_the_energy_is_the_mean_over_the_bank(items):
    generator, latents, rows = items
    likelihood = Likelihood(generator, num_pairs=4, space='sample')
    each = [likelihood.pair_errors(latents, rows, torch.full((3,), pair)) for pair in range(4)]
    torch.testing.assert_close(likelihood.energy(latents, rows), torch.stack(each).mean(dim=0), rtol=1e-6, atol=0)
    assert len(likelihood) == 4


def test_banks_differ_by_seed_and_lie_in_their_range(items):
    generator = items[0]
    first, second = (Likelihood(generator, num_pairs=6, low=200, high=500, seed=seed).bank for seed in (1, 2))
    assert torch.equal(first.timesteps, second.timesteps) and not torch.equal(first.noise, second.noise)
    assert 200 <= int(first.timesteps.min()) and int(first.timesteps.max()) < 500


def test_the_generator_is_not_stored_with_the_likelihood(items):
    likelihood = Likelihood(items[0], num_pairs=2)
    assert likelihood.generator is items[0] and not list(likelihood.parameters()) and not likelihood.state_dict()


@pytest.mark.parametrize('arguments', [dict(high=1001), dict(low=-1), dict(low=500, high=500), dict(num_pairs=0),
                                       dict(num_pairs=11, low=0, high=10)])
def test_an_impossible_bank_is_refused(items, arguments):
    with pytest.raises(ValueError, match='do not fit a schedule of 1000 steps'):
        Likelihood(items[0], **arguments)


def test_an_unknown_space_is_refused(items):
    with pytest.raises(ValueError, match="Unknown error space 'pixels'"):
        Likelihood(items[0], space='pixels')
