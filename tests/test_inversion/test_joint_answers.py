"""Offers that are asked together, against each asked alone, on a generator whose errors are strictly local."""
import pytest
import torch
from helpers.painting import PaintingGenerator, objects_of

from dive_mmdet.inversion.meter import Meter
from dive_mmdet.inversion.search.objects import other_boxes, other_classes, present, removals, remove_objects
from dive_mmdet.inversion.search.offers import FREE, UNUSED, Offers, join, regions
from dive_mmdet.inversion.search.packing import alone, packed, together
from dive_mmdet.inversion.search.race import Rungs, best_of_groups, race
from dive_mmdet.inversion.search.state import SearchState
from dive_mmdet.inversion.search.take import best_apart, take

BOUNDS = (1, 16)
TRUTH = [(0, 1, 1, 5, 6), (2, 9, 1, 14, 6), (1, 3, 9, 12, 14)]
START = [(1, 1, 1, 5, 7), (2, 8, 1, 14, 6), (0, 3, 9, 12, 13)]


def state_of(generator, truth, start, max_nfe=float('inf'), **options):
    posterior = generator.posterior([generator.layout(*truth)])
    ids = generator.layout(*start)[None]
    return SearchState(posterior, Meter(posterior, max_nfe, torch.zeros_like), torch.arange(1), ids,
                       **dict(dict(object_cost=0.0, pairs=4), **options))


def every_offer(state):
    own, slots = present(state, torch.arange(len(state)))
    moves = torch.tensor([[1, 0, 0, 0], [0, 0, -1, 0], [0, -1, 0, 2]]).expand(len(own), -1, -1)
    return join([other_classes(state, own, slots), other_boxes(state, own, slots, moves, BOUNDS),
                 removals(state, own, slots)])


@pytest.mark.parametrize('leak', [0.0, 0.4])
def test_gains_read_in_regions_are_those_of_whole_layouts_asked_alone(leak):
    generator = PaintingGenerator(leak=leak)
    state = state_of(generator, TRUTH, START)
    answers = race(state, every_offer(state), Rungs((4,)))
    layouts = alone(state.ids, answers.offers, state.vocabulary)
    single = state.energy - state.posterior.energy(torch.zeros(len(layouts), dtype=torch.long), layouts)
    torch.testing.assert_close(answers.gain, single, rtol=1e-4, atol=1e-6)


def test_objects_share_the_evaluations():
    """Three objects that lie apart cost what one costs; two that touch take turns."""
    generator = PaintingGenerator()
    costs = []
    for start in (START[:1], START, [(1, 1, 1, 5, 6), (2, 5, 1, 9, 6)]):
        state = state_of(generator, TRUTH, start)
        before = int(state.posterior.nfe[0])
        race(state, other_classes(state, *present(state, torch.arange(1))), Rungs((4,)))
        costs.append(int(state.posterior.nfe[0]) - before)
    assert costs == [2 * 4, 2 * 4, 2 * 2 * 4]


def test_packed_offers_lie_apart_and_each_is_in_its_layout():
    generator = PaintingGenerator(num_objects=5)
    state = state_of(generator, TRUTH, START)
    born = Offers.of_one(torch.zeros(3, dtype=torch.long), torch.arange(3), torch.full((3,), FREE),
                         torch.tensor([[1 + 17 * 17, 0, 40]] * 3))
    offers = join([every_offer(state), born])
    seen = regions(state.ids, offers, state.vocabulary, state.shape)
    where, layouts, rows = packed(state.ids, offers, seen, state.vocabulary)
    assert bool((where >= 0).all()) and len(rows) == len(layouts) < len(offers)
    objects = state.vocabulary.objects(layouts)
    for layout in range(len(layouts)):
        mine = (where == layout).nonzero()[:, 0]
        assert int(seen[mine].sum(dim=0).max()) == 1
        for index in mine.tolist():
            wanted = offers.objects[index, 0]
            if int(wanted[0]) == state.vocabulary.none:
                assert int(objects[layout, offers.slots[index, 0], 0]) == state.vocabulary.none
            else:
                assert wanted.tolist() in objects[layout].tolist()


def test_an_offer_without_a_free_slot_is_not_asked():
    generator = PaintingGenerator(num_objects=3)
    state = state_of(generator, TRUTH, START)
    offers = Offers.of_one(torch.zeros(1, dtype=torch.long), torch.zeros(1, dtype=torch.long), torch.tensor([FREE]),
                           torch.tensor([[300, 0, 40]]))
    before = int(state.posterior.nfe[0])
    assert race(state, offers, Rungs((4,))).gain.tolist() == [-float('inf')]
    assert int(state.posterior.nfe[0]) == before


def test_an_image_that_cannot_pay_is_not_asked():
    generator = PaintingGenerator()
    state = state_of(generator, TRUTH, START, max_nfe=4 + 7)
    answers = race(state, other_classes(state, *present(state, torch.arange(1))), Rungs((4,)))
    assert not bool(answers.gain.isfinite().any()) and state.posterior.nfe.tolist() == [4]
    assert not bool(take(state, answers, answers.gain).any()) and state.posterior.nfe.tolist() == [4]


def test_the_best_that_lie_apart_are_taken_and_the_energy_of_all_decides():
    generator = PaintingGenerator()
    state = state_of(generator, TRUTH, START)
    own, slots = present(state, torch.arange(1))
    changes = join([other_classes(state, own, slots),
                    other_boxes(state, own, slots, torch.tensor([[0, 0, 0, -1], [1, 0, 0, 0], [0, 0, 0, 1]]).expand(
                        len(own), -1, -1), BOUNDS)])
    for _ in range(3):
        answers = race(state, changes, Rungs((2, 4), 3))
        before = state.cost.clone()
        if not bool(take(state, answers, answers.worth(state)).any()):
            break
        assert bool((state.cost < before).all())
        changes = join([other_classes(state, own, slots), other_boxes(
            state, own, slots, torch.tensor([[0, 0, 0, -1], [1, 0, 0, 0], [0, 0, 0, 1]]).expand(len(own), -1, -1),
            BOUNDS)])
    assert objects_of(generator, state.ids[0]) == set(TRUTH)


def test_one_of_a_group_and_none_that_overlaps():
    generator = PaintingGenerator()
    state = state_of(generator, TRUTH, START)
    answers = race(state, every_offer(state), Rungs((4,)))
    worth = torch.rand(len(answers), generator=torch.Generator().manual_seed(0))
    chosen = best_apart(state, answers, worth)
    groups = answers.offers.groups[chosen].tolist()
    assert len(groups) == len(set(groups)) == 3
    assert int(answers.regions[chosen].sum(dim=0).max()) == 1
    assert bool(chosen[worth.argmax()])
    assert not bool(best_apart(state, answers, -worth).any())


def test_objects_that_explain_nothing_go_all_at_once():
    generator = PaintingGenerator(num_objects=5)
    state = state_of(generator, TRUTH, [*TRUTH, (0, 14, 14, 16, 16), (1, 0, 14, 2, 16)], object_cost=0.001)
    assert remove_objects(state, torch.arange(1)).tolist() == [True]
    assert objects_of(generator, state.ids[0]) == set(TRUTH)


def test_new_objects_take_free_slots_and_removed_ones_leave_theirs():
    generator = PaintingGenerator(num_objects=4)
    state = state_of(generator, TRUTH, START)
    none = state.vocabulary.none
    offers = Offers(torch.zeros(2, dtype=torch.long), torch.arange(2), torch.tensor([[0, FREE], [1, UNUSED]]),
                    torch.tensor([[[290, 0, 40], [291, 3, 60]], [[none] * 3, [0] * 3]]))
    rows, ids, slots = together(state.ids, offers, state.vocabulary)
    assert rows.tolist() == [0] and slots.tolist() == [[0, 3], [1, UNUSED]]
    objects = state.vocabulary.objects(ids)[0].tolist()
    assert objects[0] == [290, 0, 40] and objects[1] == [none] * 3 and objects[3] == [291, 3, 60]
    assert offers.growth(state.vocabulary).tolist() == [1, -1]


def test_the_best_of_every_group_by_sorting():
    generator = torch.Generator().manual_seed(3)
    groups, value = torch.randint(5, (40,), generator=generator), torch.rand(40, generator=generator)
    kept = best_of_groups(groups, value, 2)
    for group in range(5):
        mine = (groups == group).nonzero()[:, 0]
        expected = mine[value[mine].topk(min(2, len(mine))).indices]
        assert sorted(expected.tolist()) == mine[kept[mine]].tolist()
