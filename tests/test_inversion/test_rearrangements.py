"""Each rearrangement on paintings of which the better layout is known."""
import pytest
import torch
from helpers.painting import PaintingGenerator, objects_of

from dive_mmdet.inversion.local_search import LocalSearch
from dive_mmdet.inversion.rearrangements import Rearrangements

WHOLE = (1, 2, 2, 8, 12)
# At opposite corners of a box; side by side the parts together would paint what the whole box paints.
FALLING = ((1, 2, 2, 7, 7), (2, 9, 9, 14, 14))
RISING = ((0, 9, 2, 14, 8), (2, 2, 8, 8, 14))


def rearrangements(generator, truth):
    posterior = generator.posterior([generator.layout(*truth)])
    return Rearrangements(LocalSearch(posterior, (1, 16), 8), num_pairs=1, hypotheses=3, step=2)


def offered(generator, truth, start, offer):
    """What a rearrangement makes of a start, as sets of objects."""
    which, layouts = getattr(rearrangements(generator, truth), offer)(
        torch.zeros(1, dtype=torch.long), generator.layout(*start)[None])
    assert which.tolist() == [0] * len(layouts)
    return [objects_of(generator, ids) for ids in layouts]


@pytest.mark.parametrize('truth', [FALLING, RISING])
def test_a_box_over_two_objects_is_split(truth):
    assert offered(PaintingGenerator(), truth, [(1, 2, 2, 14, 14)], 'split') == [set(truth)]


@pytest.mark.parametrize('guided', [False, True])
def test_a_box_is_split_whose_objects_do_not_fill_its_halves(guided):
    """Two halves paint what the whole box paints; only when they have moved, two objects are better than one."""
    generator = PaintingGenerator()
    truth = {(1, 2, 2, 8, 12), (2, 9, 2, 14, 6)}
    posterior = generator.posterior([generator.layout(*truth)])
    own = Rearrangements(LocalSearch(posterior, (1, 16), 8, guided=guided), num_pairs=1, hypotheses=3, step=2)
    image, whole = torch.zeros(1, dtype=torch.long), generator.layout((1, 2, 2, 14, 12))[None]
    _, layouts = own.split(image, whole)
    assert float(posterior.energy(image, layouts)) < float(posterior.energy(image, whole)) / 3
    assert guided or objects_of(generator, layouts[0]) == truth


def test_a_box_over_one_object_is_not_split():
    generator = PaintingGenerator()
    assert offered(generator, [WHOLE], [WHOLE], 'split') == []


def test_nothing_is_split_without_a_free_slot():
    generator = PaintingGenerator(num_objects=1)
    assert offered(generator, [WHOLE], [(1, 2, 2, 14, 12)], 'split') == []


def test_two_boxes_on_one_object_become_one():
    generator = PaintingGenerator()
    halves = (1, 2, 2, 8, 7), (1, 2, 7, 8, 12)
    assert offered(generator, [WHOLE], halves, 'merge') == [{WHOLE}]


def test_distant_boxes_are_no_neighbours():
    generator = PaintingGenerator()
    apart = (1, 1, 1, 5, 5), (1, 10, 10, 14, 14)
    assert offered(generator, apart, apart, 'merge') == offered(generator, apart, apart, 'repartition') == []


@pytest.mark.parametrize('truth', [FALLING, RISING])
def test_two_boxes_across_two_objects_share_anew(truth):
    upright = (1, 2, 2, 8, 14), (1, 8, 2, 14, 14)
    assert offered(PaintingGenerator(), truth, upright, 'repartition') == [set(truth)]


def test_a_box_on_a_corner_of_its_object_is_moved_far():
    generator = PaintingGenerator()
    truth = (1, 2, 2, 14, 13)
    assert offered(generator, [truth], [(1, 2, 2, 6, 6)], 'rebox') == [{truth}]
    assert offered(generator, [truth], [truth], 'rebox') == []


def test_offers_say_whose_they_are():
    """Several images at once, empty layouts among them."""
    generator = PaintingGenerator()
    truth = [[WHOLE], [], list(FALLING)]
    posterior = generator.posterior([generator.layout(*scene) for scene in truth])
    own = Rearrangements(LocalSearch(posterior, (1, 16), 8), num_pairs=1, hypotheses=3, step=2)
    start = torch.stack([generator.layout((1, 2, 2, 8, 7), (1, 2, 7, 8, 12)), generator.layout(),
                         generator.layout((1, 2, 2, 14, 14))])
    which, layouts = own.offers(torch.arange(3), start)
    assert 1 not in which.tolist()
    for image in (0, 2):
        chosen = layouts[which == image]
        energy = posterior.energy(torch.full((len(chosen),), image), chosen)
        assert objects_of(generator, chosen[energy.argmin()]) == set(truth[image])


def test_the_union_of_both_stays_a_candidate_when_moves_lead_astray(monkeypatch):
    """On few pairs a box of unknown class may move away from the union that a classified object wants."""
    generator = PaintingGenerator()
    own = rearrangements(generator, [WHOLE])
    astray = generator.layout((0, 4, 2, 8, 12))

    def refine(images, ids, slots, *arguments, **options):
        unknown = (ids == generator.vocabulary.any_class).any(dim=1, keepdim=True)
        return torch.where(unknown, own._unknown(ids, slots, own._boxes(astray.expand_as(ids))[:, 0]), ids)
    monkeypatch.setattr(own.local, 'refine', refine)
    halves = generator.layout((1, 2, 2, 8, 7), (1, 2, 7, 8, 12))
    _, merged = own.merge(torch.zeros(1, dtype=torch.long), halves[None])
    assert objects_of(generator, merged[0]) == {WHOLE}
