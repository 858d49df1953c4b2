"""Diffusion Classifier against the original's 8 x 10 errors, and against stages sorted by hand."""
import pytest
import torch
from helpers.painting import PaintingGenerator
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
    found = AdaptiveEnumeration(pairs, keep).invert(posterior_of(generator, recorded, ORDER))
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
        AdaptiveEnumeration(pairs, keep)


def test_stages_must_fit_bank_and_classes(generator, recorded):
    posterior = posterior_of(generator, recorded)
    with pytest.raises(ValueError, match='A stage of 126 pairs does not fit a bank of 125'):
        AdaptiveEnumeration([126], [5]).invert(posterior)
    with pytest.raises(ValueError, match='A stage cannot keep 11 of 10 classes'):
        AdaptiveEnumeration([5], [11]).invert(posterior)
    layouts = PaintingGenerator()
    with pytest.raises(ValueError, match='Layouts are too many to enumerate'):
        ExhaustiveEnumeration().invert(layouts.posterior([layouts.layout()]))
