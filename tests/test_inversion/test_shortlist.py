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
    """E(k) at the pairs of the gradient less |a_k - a_v|^2, which is all that is beyond first order there, up to a
    constant. The energies at the last timestep are the same and are added in their weight."""
    generator = PatternGenerator()
    images = generator.images(CLASSES, spread=0.3)
    posterior = generator.posterior(images, space=space)
    predicted = ShortlistInverter(5, {}, gradient_pairs=2, expected=expected).predicted(posterior)
    t = posterior.likelihood.bank.timesteps[:2]
    scale = (posterior.likelihood.weight[:2] / generator.schedule.error_weight(t, 'sample')).mean()
    mean = generator.pattern(generator.mean_class_row()[None, None])
    energy = scale * ((1 + expected) * generator.distances(images) - generator.distances(mean))
    torch.testing.assert_close(predicted - predicted[:, :1], energy - energy[:, :1], rtol=1e-4,
                               atol=1e-4 * float(scale))


@pytest.mark.parametrize('bend', [0.0, 1.5])
def test_expected_images_cost_an_image_nothing(bend):
    """One candidate: a gradient alone misses, what is expected finds the nearest pattern, straight or bent."""
    generator = PatternGenerator(bend=bend)
    images = generator.images(CLASSES, spread=0.3)
    nearest = generator.distances(images).argmin(dim=1)
    found = {}
    for expected in (0.0, 10.0):
        inverter = ShortlistInverter(1, {}, gradient_pairs=1, expected=expected)
        found[expected] = inverter.invert(generator.posterior(images))
        assert found[expected].nfe.tolist() == [3 + 6] * 6 and inverter.shared_nfe == (200 if expected else 0)
    assert torch.equal(found[10.0].ids[:, 0], nearest) and not torch.equal(found[0.0].ids[:, 0], nearest)


RACE = dict(pairs=[1, 3], keep=[6, 2])


def test_gradient_and_race_find_what_an_enumeration_finds_where_patterns_bend():
    generator = PatternGenerator(bend=1.5)
    images = generator.images(CLASSES, spread=0.1)
    every = ExhaustiveEnumeration().invert(generator.posterior(images))
    inverter = ShortlistInverter(18, RACE, gradient_pairs=2)
    generator.evaluations = 0
    posterior = generator.posterior(images)
    found = inverter.invert(posterior)
    assert torch.equal(found.ids, every.ids) and torch.equal(found.ids[:, 0], CLASSES)
    torch.testing.assert_close(found.energy, every.energy)
    nfe = 2 * 3 + 18 * 1 + 6 * 2 + 2 * 3
    assert found.nfe.tolist() == [nfe] * 6 and inverter.most_nfe(6, 200) == nfe
    assert generator.evaluations == 6 * nfe + inverter.shared_nfe and inverter.shared_nfe == 200


@pytest.mark.parametrize('max_nfe', [24, 35, 36, 41])
def test_no_image_costs_more_than_its_budget(max_nfe):
    generator = PatternGenerator(bend=1.5)
    inverter = ShortlistInverter(18, RACE, gradient_pairs=2, max_nfe=max_nfe)
    found = inverter.invert(generator.posterior(generator.images(CLASSES)))
    assert set(found.nfe.tolist()) == {24 if max_nfe < 36 else 36}
    with pytest.raises(ValueError, match='max_nfe=23 does not pay for the first comparison, which costs 24'):
        ShortlistInverter(18, RACE, gradient_pairs=2, max_nfe=23).invert(
            generator.posterior(generator.images(CLASSES)))


def test_classes_that_were_not_compared_have_no_energy():
    generator = PatternGenerator(bend=1.5)
    inverter = ShortlistInverter(18, RACE, gradient_pairs=2)
    found = inverter.invert(generator.posterior(generator.images(CLASSES)))
    assert found.class_energy.isfinite().sum(dim=1).tolist() == [18] * 6
    assert torch.equal(found.class_energy.argmin(dim=1), found.ids[:, 0])


def test_an_image_does_not_depend_on_its_batch():
    generator = PatternGenerator(bend=1.5)
    images = generator.images(CLASSES, spread=0.5)
    inverter = ShortlistInverter(18, RACE, gradient_pairs=2)
    together = inverter.invert(generator.posterior(images))
    for index in range(len(images)):
        alone = inverter.invert(generator.posterior(images[index:index + 1]))
        assert torch.equal(alone.ids, together.ids[index:index + 1])
        torch.testing.assert_close(alone.energy, together.energy[index:index + 1])
    assert inverter.shared_nfe == 200  # once for all of them


def test_other_weights_are_asked_anew():
    generator = PatternGenerator()
    inverter = ShortlistInverter(1, {}, gradient_pairs=1, expected=10.0)
    inverter.invert(generator.posterior(generator.images(CLASSES)))
    generator.table.weight.data = generator.table.weight.data.flip(0)
    found = inverter.invert(generator.posterior(generator.images(CLASSES)))
    assert torch.equal(found.ids[:, 0], CLASSES)


@pytest.mark.parametrize('arguments', [(0, {}), (3, {}, 0), (3, {}, 2, -0.1)])
def test_races_of_nothing_are_refused(arguments):
    with pytest.raises(ValueError, match='Some classes race that a gradient ranks first'):
        ShortlistInverter(*arguments)


def test_sizes_must_fit_each_other():
    generator = PatternGenerator()
    for arguments in ((201, {}, 2), (4, {}, 7)):
        with pytest.raises(ValueError, match='do not fit each other'):
            ShortlistInverter(*arguments).invert(generator.posterior(generator.images(CLASSES)))
    with pytest.raises(ValueError, match='A stage cannot keep 5 of 4 classes'):
        ShortlistInverter(4, dict(pairs=[1], keep=[5]), 2).invert(generator.posterior(generator.images(CLASSES)))
    layouts = PaintingGenerator()
    with pytest.raises(ValueError, match='Layouts are too many to enumerate'):
        ShortlistInverter(3, {}, 2).invert(layouts.posterior([layouts.layout()]))
