"""Energies against their closed form, and a cache that changes nothing but the cost."""
import pytest
import torch
from helpers.painting import PaintingGenerator, TiltedPrior

SHAPE = (9, 4)  # rows of a layout of three objects


@pytest.fixture
def generator():
    return PaintingGenerator()


@pytest.fixture
def scenes(generator):
    """Two images, and layouts that are more or less wrong about them."""
    truth = [generator.layout((0, 1, 1, 7, 7)), generator.layout((1, 8, 2, 15, 6), (2, 2, 9, 6, 16))]
    wrong = [generator.layout((2, 1, 1, 7, 7)), generator.layout((1, 8, 2, 15, 6)), generator.layout()]
    return truth, torch.stack(truth + wrong)


def energy_by_hand(generator, posterior, image, ids, count):
    """Weighted error of the predicted noise, written from the definition in double precision."""
    beta = torch.linspace(0.0015 ** 0.5, 0.0205 ** 0.5, 1000, dtype=torch.float64) ** 2
    abar = torch.cumprod(1 - beta, dim=0)
    x0 = posterior.latents[image].double()
    painting = generator.paint(generator.embed(ids[None]))[0].double()
    errors = []
    for t, noise in zip(posterior.likelihood.bank.timesteps[:count], posterior.likelihood.bank.noise[:count].double()):
        x_t = abar[t].sqrt() * x0 + (1 - abar[t]).sqrt() * noise
        predicted = (x_t - abar[t].sqrt() * painting) / (1 - abar[t]).sqrt()
        weight = {'epsilon': 1.0, 'sample': (1 - abar[t]) / abar[t], 'v_prediction': 1 / abar[t]}
        errors.append((predicted - noise).square().mean() * weight[posterior.likelihood.space])
    return float(sum(errors) / count)


@pytest.mark.parametrize('space', ['epsilon', 'sample', 'v_prediction'])
@pytest.mark.parametrize('count', [1, 3, None])
def test_energies_equal_a_direct_computation(generator, scenes, space, count):
    truth, layouts = scenes
    posterior = generator.posterior(truth, space=space)
    images = torch.arange(2).repeat_interleave(len(layouts))
    energies = posterior.energy(images, layouts.repeat(2, 1), count)
    expected = [energy_by_hand(generator, posterior, i, ids, count or 4) for i in range(2) for ids in layouts]
    torch.testing.assert_close(energies.double(), torch.tensor(expected).double(), rtol=1e-4, atol=1e-6)
    assert energies.view(2, -1).argmin(dim=1).tolist() == [0, 1]


def test_energies_in_sample_space_are_mean_squared_errors_of_paintings(generator, scenes):
    truth, layouts = scenes
    paintings = generator.paint(generator.embed(layouts))
    expected = (paintings - paintings[1]).square().mean(dim=(1, 2, 3))
    energies = generator.posterior(truth).energy(torch.ones(len(layouts), dtype=torch.long), layouts)
    torch.testing.assert_close(energies, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('batch_size', [1, 3, 512])
def test_nothing_is_computed_twice(generator, scenes, batch_size):
    truth, layouts = scenes
    posterior = generator.posterior(truth, batch_size=batch_size)
    images = torch.zeros(len(layouts), dtype=torch.long)
    first = posterior.energy(images, layouts, 2)
    assert generator.evaluations == 2 * len(layouts)
    assert torch.equal(posterior.energy(images, layouts, 2), first)
    assert torch.equal(posterior.energy(images.repeat(3), layouts.repeat(3, 1), 2), first.repeat(3))
    posterior.energy(images, layouts, 1)
    assert generator.evaluations == 2 * len(layouts)
    posterior.energy(images, layouts)
    assert generator.evaluations == 4 * len(layouts)
    fresh = PaintingGenerator().posterior(truth)
    torch.testing.assert_close(posterior.energy(images, layouts), fresh.energy(images, layouts), rtol=0, atol=1e-7)


def test_repeated_layouts_of_one_call_are_computed_once(generator, scenes):
    truth, layouts = scenes
    posterior = generator.posterior(truth)
    images, order = torch.tensor([0, 1, 0, 0, 1]), torch.tensor([1, 1, 1, 0, 1])
    energies = posterior.energy(images, layouts[order])
    assert generator.evaluations == 3 * 4 and posterior.nfe.tolist() == [8, 4]
    assert energies[0] == energies[2] and energies[1] == energies[4]
    assert len(set(energies.tolist())) == 3


def test_the_cache_outgrows_its_first_size(generator):
    posterior = generator.posterior([generator.layout()], num_pairs=1)
    corners = torch.randint(17, (1500, 2, 2), generator=torch.Generator().manual_seed(0))
    layouts = generator.vocabulary.empty().repeat(1500, 1)
    layouts[:, 0], layouts[:, 1:3] = generator.vocabulary.class_ids[0], corners[:, :, 1] * 17 + corners[:, :, 0]
    images = torch.zeros(1500, dtype=torch.long)
    paintings = generator.paint(generator.embed(layouts)).square().mean(dim=(1, 2, 3))
    for _ in range(2):
        torch.testing.assert_close(posterior.energy(images, layouts), paintings, rtol=1e-3, atol=1e-5)
    assert generator.evaluations == len(layouts.unique(dim=0))


@pytest.mark.parametrize('order_free, crop', [(True, False), (True, True), (False, False)])
def test_permuted_objects_are_one_layout_only_to_a_generator_without_order(order_free, crop):
    generator = PaintingGenerator(order_free=order_free, crop=crop)
    first = generator.layout((0, 1, 1, 7, 7), (1, 8, 2, 15, 6), (1, 3, 9, 6, 16))
    second = generator.layout((1, 3, 9, 6, 16), (0, 1, 1, 7, 7), (1, 8, 2, 15, 6))
    assert not torch.equal(first, second)
    posterior = generator.posterior([generator.layout()])
    one, other = (posterior.energy(torch.tensor([0]), ids[None]) for ids in (first, second))
    torch.testing.assert_close(one, other, rtol=1e-5, atol=0)
    assert generator.evaluations == (4 if order_free else 8)


def test_layouts_that_share_their_tokens_are_not_mixed_up(generator):
    """The same three classes and six corners, joined in another way."""
    first = generator.layout((0, 1, 1, 7, 7), (1, 8, 2, 15, 6))
    second = generator.layout((1, 1, 1, 7, 7), (0, 8, 2, 15, 6))
    posterior = generator.posterior([first])
    energies = posterior.energy(torch.tensor([0, 0]), torch.stack([first, second]))
    assert energies[0] < 1e-8 and energies[1] > 1e-3


def test_unknown_class_is_an_object_of_mean_grey(generator):
    ids = generator.layout((1, 1, 1, 7, 7))
    unknown = ids.clone()
    unknown[0] = generator.vocabulary.any_class
    posterior = generator.posterior([ids])  # class 1 has the mean grey
    energies = posterior.energy(torch.tensor([0, 0]), torch.stack([ids, unknown]))
    assert generator.evaluations == 8
    torch.testing.assert_close(energies[0], energies[1], rtol=0, atol=1e-9)


def test_the_prior_enters_with_its_weight(generator, scenes):
    truth, layouts = scenes
    images = torch.zeros(len(layouts), dtype=torch.long)
    likelihood = generator.posterior(truth).energy(images, layouts)
    prior = TiltedPrior(SHAPE)
    expected = prior.energy(generator.embed(layouts))
    assert float(expected.std()) > 0.01
    prior.evaluations = 0
    for weight in (0.5, 2.0):
        posterior = generator.posterior(truth, prior=prior, prior_weight=weight)
        for _ in range(2):
            energies = posterior.energy(images, layouts)
        torch.testing.assert_close(energies, likelihood + weight * expected, rtol=1e-5, atol=1e-6)
    assert prior.evaluations == 2 * len(layouts)


def test_the_prior_is_shared_by_all_images(generator, scenes):
    truth, layouts = scenes
    prior = TiltedPrior(SHAPE)
    posterior = generator.posterior(truth, prior=prior)
    posterior.energy(torch.arange(2).repeat_interleave(len(layouts)), layouts.repeat(2, 1))
    assert prior.evaluations == len(layouts)


@pytest.mark.parametrize('weight', [None, 0.7])
def test_the_loss_is_the_energy_of_the_chosen_pairs(generator, scenes, weight):
    truth, layouts = scenes
    extra = {} if weight is None else dict(prior=TiltedPrior(SHAPE), prior_weight=weight)
    posterior = generator.posterior(truth, space='epsilon', **extra)
    images = torch.tensor([1, 0, 1, 0, 1])
    rows = generator.embed(layouts).requires_grad_()
    loss = posterior.loss(images, rows, torch.tensor([1, 0]))
    torch.testing.assert_close(loss.detach(), posterior.energy(images, layouts, 2), rtol=1e-4, atol=1e-6)
    loss.sum().backward()
    assert float(rows.grad.abs().max()) > 0


def test_evaluations_are_counted_a_backward_as_two(generator, scenes):
    truth, layouts = scenes
    posterior = generator.posterior(truth)
    posterior.energy(torch.tensor([0, 1, 1]), layouts[:3], 2)
    assert posterior.nfe.tolist() == [2, 4]
    posterior.loss(torch.tensor([0, 1]), generator.embed(layouts[:2]), torch.arange(3))
    assert posterior.nfe.tolist() == [2 + 9, 4 + 9]
    posterior.continuous_energy(torch.tensor([1]), generator.embed(layouts[:1]))
    assert posterior.nfe.tolist() == [11, 13 + 4]


def test_continuous_energies_are_those_of_the_rows(generator, scenes):
    truth, layouts = scenes
    images = torch.tensor([0, 1, 1, 0, 1])
    posterior = generator.posterior(truth, prior=TiltedPrior(SHAPE), prior_weight=0.3, batch_size=3)
    torch.testing.assert_close(posterior.continuous_energy(images, generator.embed(layouts)),
                               posterior.energy(images, layouts), rtol=1e-5, atol=1e-7)


def test_the_expectation_is_the_painting(generator, scenes):
    truth, layouts = scenes
    expected = generator.posterior(truth, batch_size=2).expectation(layouts)
    torch.testing.assert_close(expected, generator.paint(generator.embed(layouts)), rtol=0, atol=1e-3)


@pytest.mark.parametrize('spoilt', ['generator', 'prior'])
@pytest.mark.parametrize('face', ['energy', 'loss', 'gradient', 'continuous_energy', 'expectation'])
@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_what_is_not_finite_is_refused(generator, scenes, monkeypatch, spoilt, face, value):
    if (spoilt, face) == ('prior', 'expectation'):
        pytest.skip('expects nothing of the prior')
    truth, layouts = scenes
    prior = TiltedPrior(SHAPE)
    posterior = generator.posterior(truth, prior=prior, prior_weight=0.3)
    source, name = (generator, 'predict_noise') if spoilt == 'generator' else (prior, 'energy')
    method = getattr(source, name)
    monkeypatch.setattr(source, name, lambda *args: method(*args) * value)
    images, rows = torch.tensor([0, 1]), generator.embed(layouts[:2])
    arguments = dict(energy=(images, layouts[:2]), loss=(images, rows, torch.arange(2)),
                     gradient=(images, rows, torch.arange(2)), continuous_energy=(images, rows),
                     expectation=(layouts[:2],))[face]
    with pytest.raises(FloatingPointError, match='is not finite: search in float32, or look for damage'):
        getattr(posterior, face)(*arguments)


def test_no_energy_of_no_layout(generator, scenes):
    posterior = generator.posterior(scenes[0])
    assert posterior.energy(torch.zeros(0, dtype=torch.long), scenes[1][:0]).shape == (0,)
    assert generator.evaluations == 0


@pytest.mark.parametrize('count', [0, 5])
def test_more_pairs_than_the_bank_has_are_refused(generator, scenes, count):
    with pytest.raises(ValueError, match=f'{count} pairs were asked for and the bank has 4'):
        generator.posterior(scenes[0]).energy(torch.tensor([0]), scenes[1][:1], count)


def test_a_prior_whose_noise_tells_slots_apart_is_not_answered_from_another_order():
    """Else an energy would depend on which order was asked about first, and so on the other images of a batch."""
    generator = PaintingGenerator(order_free=True)
    first = generator.layout((0, 1, 1, 7, 7), (1, 8, 2, 15, 6), (1, 3, 9, 6, 16))
    second = generator.layout((1, 3, 9, 6, 16), (0, 1, 1, 7, 7), (1, 8, 2, 15, 6))
    prior, image = TiltedPrior(SHAPE), torch.tensor([0])
    posterior = generator.posterior([first], prior=prior)
    energies = [float(posterior.energy(image, ids[None])) for ids in (first, second)]
    assert float(generator.posterior([first], prior=prior).energy(image, second[None])) == energies[1]
    assert energies[1] - energies[0] == pytest.approx(
        float(prior.energy(generator.embed(second[None])) - prior.energy(generator.embed(first[None]))), abs=1e-6)
