"""Diffusion Classifier against the original's 8 x 10 errors, and against stages sorted by hand."""
import pytest
import torch
from helpers.painting import PaintingGenerator
from helpers.patterns import PatternGenerator
from helpers.published_dit import load_generator, load_trace, posterior_of

from dive_mmdet.inversion import AdaptiveEnumeration, ExhaustiveEnumeration


@pytest.fixture(scope='module')
def recorded():
    return load_trace()


@pytest.fixture(scope='module')
def generator():
    return load_generator()


def test_exhaustive_errors_are_the_published_ones(generator, recorded):
    found = ExhaustiveEnumeration().invert(posterior_of(generator, recorded))
    torch.testing.assert_close(found.class_energy, recorded['dc_errors'].float(), rtol=0, atol=3e-6)
    assert torch.equal(found.ids[:, 0], recorded['dc_argmin'])
    assert torch.equal(found.energy, found.class_energy.amin(dim=1))
    assert found.nfe.tolist() == [10 * 125] * 8


ORDER = torch.randperm(125, generator=torch.Generator().manual_seed(0))


def narrowed_by_hand(errors, pairs, keep):
    """Classes of one image from the best to the worst, and evaluations spent, from its errors (10, 125)."""
    alive, behind, spent, before = list(range(10)), [], 0, 0
    last = pairs[-1] if keep[-1] == 1 else 125  # one class alone is the answer
    for count, kept in [*zip(pairs, keep), (last, None)]:
        spent += len(alive) * (count - before)
        before = count
        alive.sort(key=lambda k: float(errors[k, :count].mean()))
        if kept is not None:
            behind = alive[kept:] + behind
            alive = alive[:kept]
    return alive + behind, spent


@pytest.mark.parametrize('pairs, keep', [([25], [5]), ([5, 25], [6, 2]), ([1, 2, 60], [9, 4, 1]), ([3], [10])])
def test_stages_narrow_as_by_hand(generator, recorded, pairs, keep):
    found = AdaptiveEnumeration(dict(pairs=pairs, keep=keep)).invert(posterior_of(generator, recorded, ORDER))
    for image in range(8):
        ranks, spent = narrowed_by_hand(recorded['dc_error_per_t'][image][:, ORDER].double(), pairs, keep)
        assert int(found.nfe[image]) == spent
        assert found.class_energy[image].argsort().tolist() == ranks
        assert int(found.ids[image]) == ranks[0]
        assert found.energy[image] == found.class_energy[image].min()
        assert found.trace[image][-1][2] == [ranks[0]] and len(found.trace[image]) == len(pairs) + 1


@pytest.mark.parametrize('pairs, keep', [([5], []), ([5, 5], [4, 2]), ([9, 5], [4, 2]), ([5, 9], [2, 4]), ([0], [3])])
def test_stages_that_do_not_narrow_are_refused(pairs, keep):
    with pytest.raises(ValueError, match='fewer and fewer classes on more and more pairs'):
        AdaptiveEnumeration(dict(pairs=pairs, keep=keep))


def test_stages_must_fit_bank_and_classes(generator, recorded):
    posterior = posterior_of(generator, recorded)
    with pytest.raises(ValueError, match='A stage of 126 pairs does not fit a bank of 125'):
        AdaptiveEnumeration(dict(pairs=[126], keep=[5])).invert(posterior)
    with pytest.raises(ValueError, match='A stage cannot keep 11 of 10 classes'):
        AdaptiveEnumeration(dict(pairs=[5], keep=[11])).invert(posterior)
    layouts = PaintingGenerator()
    with pytest.raises(ValueError, match='Layouts are too many to enumerate'):
        ExhaustiveEnumeration().invert(layouts.posterior([layouts.layout()]))


def test_settings_of_a_race_are_known_ones():
    with pytest.raises(ValueError, match='`model.inverter.race` has no setting `stages`'):
        AdaptiveEnumeration(dict(stages=[3]))
    with pytest.raises(ValueError, match='A class is decidedly behind by some standard errors, got decided=0.0'):
        AdaptiveEnumeration(dict(decided=0.0))


RUNGS = dict(pairs=[10, 20, 40, 80])


def test_a_race_that_stops_when_it_is_decided_answers_as_all_classes_on_the_whole_bank(generator, recorded):
    """Where it stops early the answer of the whole bank is certain by the same threshold, so it is the same."""
    found = AdaptiveEnumeration(dict(RUNGS, decided=5.0)).invert(posterior_of(generator, recorded, ORDER))
    assert torch.equal(found.ids[:, 0], recorded['dc_argmin'])
    assert found.nfe.max() < 10 * 125
    for image in range(8):
        errors = recorded['dc_error_per_t'][image][:, ORDER].double()
        assert int(found.nfe[image]) == decided_by_hand(errors, [10, 20, 40, 80, 125], 5.0)


def decided_by_hand(errors, rungs, decided):
    """Evaluations that an image (10, 125) costs."""
    alive, spent, before = list(range(10)), 0, 0
    for count in rungs:
        spent += len(alive) * (count - before) if len(alive) > 1 else 0
        before = count
        best = min(alive, key=lambda k: float(errors[k, :count].mean()))
        above = {k: errors[k, :count] - errors[best, :count] for k in alive}
        alive = [k for k in alive if float(above[k].mean()) <= decided * float(above[k].std()) / count ** 0.5]
    return spent


@pytest.mark.parametrize('max_nfe', [20, 59, 60, 61, 71, 10 ** 6])
def test_no_image_costs_more_than_its_budget_and_what_is_paid_for_is_asked(max_nfe):
    patterns, race = PatternGenerator(20), dict(pairs=[1, 3, 4], keep=[20, 5, 2])
    images = patterns.images(torch.tensor([3, 7]), spread=0.5)
    whole = AdaptiveEnumeration(race).invert(patterns.posterior(images))
    assert whole.nfe.tolist() == [20 * 3 + 5 + 2 * 2] * 2
    patterns.evaluations = 0
    found = AdaptiveEnumeration(race, max_nfe=max_nfe).invert(patterns.posterior(images))
    assert int(found.nfe.max()) <= max_nfe and int(found.nfe.sum()) == patterns.evaluations
    for image, course in enumerate(whole.trace):
        paid = [moment for moment in course if moment[0] <= max_nfe]
        assert found.trace[image] == paid and found.ids[image].tolist() == paid[-1][2]


def test_a_budget_that_does_not_pay_for_the_first_comparison_is_refused():
    patterns = PatternGenerator(20)
    with pytest.raises(ValueError, match='max_nfe=19 does not pay for the first comparison, which costs 20'):
        AdaptiveEnumeration(dict(pairs=[1], keep=[2]), max_nfe=19).invert(
            patterns.posterior(patterns.images(torch.tensor([3]))))
