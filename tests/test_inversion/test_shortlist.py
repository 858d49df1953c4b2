"""What a gradient predicts of all classes against their energies, and what is found against an enumeration."""
import pytest
import torch
from helpers.painting import PaintingGenerator
from helpers.patterns import PatternGenerator

from dive_mmdet.inversion import ExhaustiveEnumeration, ShortlistInverter

CLASSES = torch.tensor([3, 77, 150, 12, 199, 64])


@pytest.mark.parametrize('expected', [0.0, 0.5])
@pytest.mark.parametrize('space', ['sample', 'epsilon', 'v_prediction'])
def test_where_the_denoiser_is_linear_every_prediction_is_the_energy_to_first_order(space, expected):
    """E(k) - E(v) at the pairs of the gradient, v being no row of the table, less |a_k - a_v|^2, which is all that is
    beyond first order there. The energies at the last timestep are the same and are added in their weight."""
    generator = PatternGenerator()
    images = generator.images(CLASSES, spread=0.3)
    posterior = generator.posterior(images, space=space)
    weight = torch.tensor([0.5, 0.3, 0.2])
    v = (weight @ generator.table.weight[:3]).expand(len(images), -1)
    inverter = ShortlistInverter([5], [], [], gradient_pairs=2, expected=expected)
    predicted = inverter._first_order(posterior, generator.table.weight[:200], v)
    if expected:
        of_class = inverter._expected_images(posterior).of_class
        predicted += inverter._beyond(posterior, of_class, (weight @ of_class[:3]).expand(len(images), -1))
    pairs = torch.arange(2)
    t = posterior.likelihood.bank.timesteps[pairs]
    scale = (posterior.likelihood.weight[pairs] / generator.schedule.error_weight(t, 'sample')).mean()
    mean = generator.pattern(v[:, None])
    here = (images - mean).square().flatten(1).mean(dim=1)
    difference = scale * ((1 + expected) * (generator.distances(images) - here[:, None]) - generator.distances(mean))
    torch.testing.assert_close(predicted, difference, rtol=1e-4, atol=1e-4 * float(scale))


@pytest.mark.parametrize('bend', [0.0, 1.5])
def test_expected_images_cost_an_image_nothing(bend):
    """One candidate: a gradient alone misses, what is expected finds the nearest pattern, straight or bent."""
    generator = PatternGenerator(bend=bend)
    images = generator.images(CLASSES, spread=0.3)
    nearest = generator.distances(images).argmin(dim=1)
    found = {}
    for expected in (0.0, 10.0):
        inverter = ShortlistInverter([1], [], [], gradient_pairs=1, expected=expected)
        found[expected] = inverter.invert(generator.posterior(images))
        assert found[expected].nfe.tolist() == [3 + 6] * 6 and inverter.shared_nfe == (201 if expected else 0)
    assert torch.equal(found[10.0].ids[:, 0], nearest) and not torch.equal(found[0.0].ids[:, 0], nearest)


def test_rounds_and_stages_find_what_an_enumeration_finds_where_patterns_bend():
    generator = PatternGenerator(bend=1.5)
    images = generator.images(CLASSES, spread=0.1)
    every = ExhaustiveEnumeration().invert(generator.posterior(images))
    inverter = ShortlistInverter([12, 6], [1, 3], [6, 2], gradient_pairs=2)
    generator.evaluations = 0
    posterior = generator.posterior(images)
    found = inverter.invert(posterior)
    assert torch.equal(found.ids, every.ids) and torch.equal(found.ids[:, 0], CLASSES)
    torch.testing.assert_close(found.energy, every.energy)
    nfe = 2 * 2 * 3 + 18 * 1 + 6 * 2 + 2 * 3
    assert found.nfe.tolist() == [nfe] * 6
    assert generator.evaluations == 6 * nfe + inverter.shared_nfe and inverter.shared_nfe == 201


def test_classes_that_were_not_compared_have_no_energy():
    generator = PatternGenerator(bend=1.5)
    inverter = ShortlistInverter([12, 6], [1, 3], [6, 2], gradient_pairs=2)
    found = inverter.invert(generator.posterior(generator.images(CLASSES)))
    assert found.class_energy.isfinite().sum(dim=1).tolist() == [18] * 6
    assert torch.equal(found.class_energy.argmin(dim=1), found.ids[:, 0])


def test_an_image_does_not_depend_on_its_batch():
    generator = PatternGenerator(bend=1.5)
    images = generator.images(CLASSES, spread=0.5)
    inverter = ShortlistInverter([12, 6], [1, 3], [6, 2], gradient_pairs=2)
    together = inverter.invert(generator.posterior(images))
    for index in range(len(images)):
        alone = inverter.invert(generator.posterior(images[index:index + 1]))
        assert torch.equal(alone.ids, together.ids[index:index + 1])
        torch.testing.assert_close(alone.energy, together.energy[index:index + 1])
    assert inverter.shared_nfe == 201  # once for all of them


def test_other_weights_are_asked_anew():
    generator = PatternGenerator()
    inverter = ShortlistInverter([1], [], [], gradient_pairs=1, expected=10.0)
    inverter.invert(generator.posterior(generator.images(CLASSES)))
    generator.table.weight.data = generator.table.weight.data.flip(0)
    found = inverter.invert(generator.posterior(generator.images(CLASSES)))
    assert torch.equal(found.ids[:, 0], CLASSES)


@pytest.mark.parametrize('arguments', [
    ([], [], []), ([0], [], []), ([3], [], [], 0), ([3], [], [], 2, -0.1)])
def test_rounds_that_compare_nothing_are_refused(arguments):
    with pytest.raises(ValueError, match='Every round compares classes by a gradient'):
        ShortlistInverter(*arguments)


def test_sizes_must_fit_each_other():
    generator = PatternGenerator()
    for arguments in (([150, 60], [], [], 2), ([4], [1], [5], 2), ([4], [], [], 7)):
        with pytest.raises(ValueError, match='do not fit each other'):
            ShortlistInverter(*arguments).invert(generator.posterior(generator.images(CLASSES)))
    layouts = PaintingGenerator()
    with pytest.raises(ValueError, match='Layouts are too many to enumerate'):
        ShortlistInverter([3], [], [], 2).invert(layouts.posterior([layouts.layout()]))
