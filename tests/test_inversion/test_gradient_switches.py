"""What makes the published inversion faster, each alone, on a generator in closed form."""
import pytest
import torch
from helpers.painting import PaintingGenerator
from helpers.patterns import PatternGenerator

from dive_mmdet.inversion import GradientInverter

CLASSES = torch.tensor([3, 77, 150, 12, 199, 64])
PAIRS, LOOP = 6, 6 * 4  # a loop is a gradient on every pair and at most one new monitor
SETTINGS = dict(loops=8, pairs_per_step=3, lr=0.05)


def invert(generator=None, **changes):
    generator = generator or PatternGenerator()
    posterior = generator.posterior(generator.images(CLASSES, spread=0.2), PAIRS)
    return generator, GradientInverter(**{**SETTINGS, **changes}).invert(posterior)


def test_candidates_are_the_classes_that_the_gradient_promises_most():
    """One step from a row: all classes are looked at that the derivative of the distance, written out, ranks first."""
    generator, found = invert(loops=1, pairs_per_step=PAIRS, candidates=7)
    _, plain = invert(loops=1, pairs_per_step=PAIRS, lr=0.0)
    table, start = generator.table.weight[:200], plain.ids[:, 0]
    images = generator.images(CLASSES, spread=0.2).flatten(1)
    slope = -2 / 24 * (images - table[start] @ generator.map) @ generator.map.T
    promised = (slope @ table.T).topk(7, largest=False).indices
    for image in range(len(CLASSES)):
        visited = set(found.class_energy[image].isfinite().nonzero()[:, 0].tolist())
        assert set(promised[image].tolist()) <= visited and len(visited) <= 8


def test_candidates_find_more_in_as_many_loops():
    generator, plain = invert(loops=3)
    _, found = invert(loops=3, candidates=10)
    nearest = generator.distances(generator.images(CLASSES, spread=0.2)).argmin(dim=1)
    assert (found.ids[:, 0] == nearest).sum() > (plain.ids[:, 0] == nearest).sum()
    assert (found.energy <= plain.energy).all()


def test_an_image_is_finished_when_nothing_new_is_met():
    _, whole = invert(loops=20)
    _, found = invert(loops=20, patience=2)
    assert (found.nfe <= whole.nfe).all() and (found.nfe < whole.nfe).any()
    for short, long in zip(found.trace, whole.trace):
        assert short == long[:len(short)]  # until then nothing differs


def test_finished_images_do_not_change_the_others():
    generator = PatternGenerator()
    images = generator.images(CLASSES, spread=0.2)
    _, together = invert(generator, loops=20, patience=1, candidates=3)
    for index in range(len(CLASSES)):
        alone = GradientInverter(**{**SETTINGS, 'loops': 20, 'patience': 1, 'candidates': 3}).invert(
            generator.posterior(images[index:index + 1], PAIRS))
        assert torch.equal(alone.ids, together.ids[index:index + 1])
        assert alone.nfe.tolist() == together.nfe[index:index + 1].tolist()


@pytest.mark.parametrize('changes, loop', [
    ({}, LOOP), (dict(candidates=2), LOOP + 2 * PAIRS), (dict(starts=3), 3 * LOOP),
    (dict(distance='continuous'), LOOP)])
def test_a_budget_is_kept_and_one_loop_must_fit(changes, loop):
    final = PAIRS if 'distance' in changes else 0
    _, found = invert(max_nfe=2 * loop + final, **changes)
    assert (found.nfe <= 2 * loop + final).all() and (found.nfe > loop / 2).all()
    with pytest.raises(ValueError, match=f'max_nfe={loop + final - 1} is smaller than one loop, which costs '
                                         f'{loop + final} evaluations'):
        invert(max_nfe=loop + final - 1, **changes)


def test_candidates_must_be_classes_that_there_are():
    with pytest.raises(ValueError, match='There are 200 classes and not the 201 candidates'):
        invert(candidates=201)
    layouts = PaintingGenerator()
    with pytest.raises(ValueError, match='Candidates are classes, and these conditions are layouts'):
        GradientInverter(candidates=1).invert(layouts.posterior([layouts.layout()]))
