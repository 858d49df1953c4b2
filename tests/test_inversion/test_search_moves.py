"""Each move of the search, alone, from layouts of which the better one is known."""
import pytest
import torch
from helpers.painting import PaintingGenerator, objects_of

from dive_mmdet.inversion import LayoutInverter
from dive_mmdet.inversion.moves import SIDE_MOVES, move_boxes
from dive_mmdet.inversion.search.boxes import axis_moves
from dive_mmdet.inversion.search.objects import unknown
from dive_mmdet.inversion.trace import Trace

WHOLE = (1, 2, 2, 8, 12)
# At opposite corners of a box; side by side the parts together would paint what the whole box paints.
FALLING = [(1, 2, 2, 7, 7), (2, 9, 9, 14, 14)]
RISING = [(0, 9, 2, 14, 8), (2, 2, 8, 8, 14)]
ROW = torch.zeros(1, dtype=torch.long)


def ready(generator, truth, start, num_pairs=4, **changes):
    """A search and where it stands at a start, judged on the whole bank."""
    settings = dict(anchors=dict(scales=[0.25, 0.4], ratios=[1.0, 0.5, 2.0]), object_cost=0.001, pairs=num_pairs)
    inverter = LayoutInverter(**{**settings, **changes})
    posterior = generator.posterior([generator.layout(*truth)], num_pairs)
    return inverter, inverter.start(posterior, generator.layout(*start)[None])


def rearranged(generator, truth, start, **changes):
    """What one rearrangement makes of a start, as a set of objects; the cost only ever falls."""
    inverter, state = ready(generator, truth, start, **changes)
    before = float(state.cost)
    changed = bool(inverter.rearrange_objects(state, ROW))
    found = objects_of(generator, state.ids[0])
    assert changed == (found != set(start)) == (float(state.cost) < before)
    return found


@pytest.mark.parametrize('truth', [FALLING, RISING])
def test_a_box_over_two_objects_is_split(truth):
    assert rearranged(PaintingGenerator(), truth, [(1, 2, 2, 14, 14)]) == set(truth)


def test_a_box_is_split_whose_objects_do_not_fill_its_halves():
    """Two halves paint what the whole box paints; only when they have moved, two objects are better than one."""
    assert len(rearranged(PaintingGenerator(), [(1, 2, 2, 8, 12), (2, 9, 2, 14, 6)], [(1, 2, 2, 14, 12)])) == 2


def test_a_box_over_one_object_stays():
    assert rearranged(PaintingGenerator(), [WHOLE], [WHOLE]) == {WHOLE}


def test_two_boxes_on_one_object_become_one():
    """They could paint it as well side by side, but each object must be worth something."""
    assert rearranged(PaintingGenerator(), [WHOLE], [(1, 2, 2, 8, 7), (1, 2, 7, 8, 12)]) == {WHOLE}


class Shaded(PaintingGenerator):
    """Every box is the lighter the further right in it, so that a border between two boxes shows."""

    def paint(self, rows):
        objects = self.vocabulary.objects(rows.transpose(1, 2)).permute(0, 2, 3, 1)
        low, high = objects[..., 1, 0, None] * self.size, objects[..., 2, 0, None] * self.size
        place = (torch.arange(self.size) + 0.5 - low) / (high - low).clamp(min=1)     # (B, K, size)
        single = rows[:, :3 * self.vocabulary.num_objects].unflatten(1, (-1, 3)).flatten(0, 1)
        painted = super().paint(torch.cat([single, self.embed(self.vocabulary.empty())[3:].expand(
            len(single), -1, -1)], dim=1)).unflatten(0, place.shape[:2])              # (B, K, 1, size, size)
        return (painted * (0.5 + place)[:, :, None, None]).sum(dim=1)


def test_a_box_takes_what_its_neighbour_has_too_much():
    """Alone neither of them gains: what one grows over, the other still covers."""
    truth = [(1, 1, 2, 10, 12), (1, 10, 2, 14, 12)]
    start = [(1, 1, 2, 6, 12), (1, 6, 2, 14, 12)]
    assert rearranged(Shaded(), truth, start, rearrange=dict(sides=[0.25])) == set(truth)


def test_distant_objects_stay_two():
    apart = [(1, 1, 1, 5, 5), (1, 10, 10, 14, 14)]
    assert rearranged(PaintingGenerator(), apart, apart) == set(apart)


def test_a_box_on_a_corner_of_its_object_goes_far():
    truth = (1, 2, 2, 14, 13)
    assert rearranged(PaintingGenerator(), [truth], [(1, 2, 2, 6, 6)]) == {truth}


def test_several_images_are_rearranged_each_by_itself():
    """Empty layouts among them."""
    generator = PaintingGenerator()
    truth = [[WHOLE], [], FALLING]
    start = [[(1, 2, 2, 8, 7), (1, 2, 7, 8, 12)], [], [(1, 2, 2, 14, 14)]]
    inverter, _ = ready(generator, [WHOLE], [WHOLE])
    posterior = generator.posterior([generator.layout(*scene) for scene in truth])
    state = inverter.start(posterior, torch.stack([generator.layout(*scene) for scene in start]))
    assert inverter.rearrange_objects(state, torch.arange(3)).tolist() == [True, False, True]
    assert [objects_of(generator, ids) for ids in state.ids] == [set(scene) for scene in truth]


def test_polishing_moves_and_renames():
    generator = PaintingGenerator()
    truth = [(0, 1, 1, 7, 6), (2, 9, 8, 15, 15)]
    inverter, state = ready(generator, truth, [(1, 2, 1, 7, 7), (0, 9, 9, 15, 14)])
    inverter.polish(state, ROW)
    assert objects_of(generator, state.ids[0]) == set(truth)


@pytest.mark.parametrize('area_exponent, first', [
    (0.0, {(1, 2, 4, 14, 8)}), (1.0, {(1, 2, 4, 8, 8), (1, 9, 4, 14, 8)})])
def test_objects_are_added_in_the_order_of_gain_for_area(area_exponent, first):
    """A box over two neighbours gains more than either, but less for its area."""
    generator = PaintingGenerator()
    inverter, state = ready(generator, [(1, 2, 4, 8, 8), (1, 9, 4, 14, 8)], [], add=dict(area_exponent=area_exponent))
    move = inverter.add_objects
    move.dictionary.boxes = torch.tensor([[2, 4, 8, 8], [9, 4, 14, 8], [2, 4, 14, 8]])
    move.dictionary.best = lambda posterior, images, ids, count, iou: torch.arange(3).repeat(len(ids), 1)
    move.polish = inverter.polish.moves[1]  # classes alone
    assert bool(move.once(state, ROW)) and objects_of(generator, state.ids[0]) == first


@pytest.mark.parametrize('candidates', [1, 2, 4])
def test_of_the_candidates_the_best_is_added_whatever_its_rank(candidates):
    """The dictionary ranks them from the worst to the best; which of those it is asked for are good, energies say."""
    generator = PaintingGenerator()
    boxes = torch.tensor([[4, 4, 6, 6], [4, 4, 8, 7], [5, 5, 9, 9], [5, 4, 10, 10]])
    inverter, state = ready(generator, [(1, 4, 4, 10, 10)], [], add=dict(candidates=candidates, keep=1))
    move = inverter.add_objects
    move.dictionary.boxes = boxes
    move.dictionary.best = lambda posterior, images, ids, count, iou: torch.arange(count).repeat(len(ids), 1)
    move.polish = inverter.polish.moves[1]
    assert bool(move.once(state, ROW))
    assert objects_of(generator, state.ids[0]) == {(1, *boxes[candidates - 1].tolist())}


def test_a_sweep_asks_every_anchor_that_no_object_touches():
    """In fewer evaluations than anchors, as each alone would answer."""
    generator = PaintingGenerator()
    there = (2, 1, 1, 6, 6)
    inverter, state = ready(generator, [there, (1, 8, 8, 14, 14)], [there], add=dict(sweep=2))
    before = int(state.posterior.nfe)
    swept = inverter.add_objects._swept(state, ROW)[0]
    boxes, any_class = inverter.dictionary.boxes, generator.vocabulary.any_class
    assert int(state.posterior.nfe) - before < 2 * len(boxes)
    pairs = torch.arange(2)
    empty = state.posterior.error_maps(ROW, state.ids, pairs).mean()
    for box, gain in zip(boxes.tolist(), swept.tolist()):
        touches = box[0] < 6 and box[1] < 6 and box[2] > 1 and box[3] > 1
        assert touches == (gain == -float('inf'))
        if not touches:
            ids = state.ids.clone()
            generator.vocabulary.objects(ids)[0, 1] = unknown(state, torch.tensor(box))
            assert generator.vocabulary.objects(ids)[0, 1, 0] == any_class
            assert gain == pytest.approx(float(empty - state.posterior.error_maps(ROW, ids, pairs).mean()), abs=1e-6)


def test_a_sweep_finds_what_the_dictionary_does_not():
    generator = PaintingGenerator()
    inverter, state = ready(generator, [(1, 2, 2, 8, 8)], [], add=dict(sweep=1, candidates=4))
    inverter.add_objects.dictionary.best = None
    assert bool(inverter.add_objects(state, ROW)) and objects_of(generator, state.ids[0]) == {(1, 2, 2, 8, 8)}
    full = generator.layout(*[(1, 0, 0, 16, 16)])[None]
    _, state = ready(generator, [(1, 0, 0, 16, 16)], [(1, 0, 0, 16, 16)])
    assert not bool(inverter.add_objects(state, ROW)) and torch.equal(state.ids, full)  # no anchor is left


def test_an_object_that_costs_less_than_nothing_is_added_wherever_there_is_room():
    """What it gains may be less than nothing by as much, on the first rung too."""
    generator = PaintingGenerator()
    inverter, state = ready(generator, [(1, 4, 4, 10, 10)], [], num_pairs=8, object_cost=-1000.0)
    assert bool(inverter.add_objects(state, ROW)) and len(objects_of(generator, state.ids[0])) == 3


@pytest.mark.parametrize('beam', [0, 1])
def test_classes_are_not_asked_about_where_none_may_be_tried(beam):
    generator = PaintingGenerator()
    inverter, state = ready(generator, [WHOLE], [(0, *WHOLE[1:])], classes=dict(beam=beam, reach=1.0))
    before = int(state.posterior.nfe)
    assert bool(inverter.reclassify(state, ROW)) == bool(beam)
    assert (int(state.posterior.nfe) > before) == bool(beam)


class Turning(PaintingGenerator):
    """Boxes whose width is two pixels off 6 paint the negative, so that every such step of a single side loses."""

    def paint(self, rows):
        objects = self.vocabulary.objects(rows.transpose(1, 2)).permute(0, 2, 3, 1)
        width = (objects[..., 2, 0] - objects[..., 1, 0]) * self.size                 # (B, K)
        single = rows[:, :3 * self.vocabulary.num_objects].unflatten(1, (-1, 3)).flatten(0, 1)
        painted = super().paint(torch.cat([single, self.embed(self.vocabulary.empty())[3:].expand(
            len(single), -1, -1)], dim=1)).unflatten(0, width.shape)
        return (painted * torch.cos(torch.pi / 2 * (width - 6))[..., None, None, None]).sum(dim=1)


def test_a_box_beside_its_object_moves_both_sides_of_an_axis():
    truth = (1, 6, 3, 12, 9)
    for sizes, found in (([], (1, 4, 3, 10, 9)), ([1 / 8], truth)):
        inverter, state = ready(Turning(), [truth], [(1, 4, 3, 10, 9)], boxes=dict(axes=sizes, axes_rungs=[2, 4]))
        assert bool(inverter.settle(state, ROW)) == bool(sizes)
        assert objects_of(state.posterior.generator, state.ids[0]) == {found}


def test_both_axes_of_a_box_move_at_once():
    inverter, state = ready(PaintingGenerator(), [(1, 4, 4, 10, 12)], [(1, 2, 6, 8, 14)], boxes=dict(axes=[1 / 8]))
    inverter.settle(state, ROW)
    assert objects_of(state.posterior.generator, state.ids[0]) == {(1, 4, 4, 10, 12)}


def test_axes_move_by_every_two_steps():
    steps = [-5, -2, 0, 2, 5]
    brute = {move for a in steps for b in steps if (a, b) != (0, 0) for move in ((a, 0, b, 0), (0, a, 0, b))}
    moves = axis_moves((2, 5)).tolist()
    assert len(moves) == len(brute) == 48 and set(map(tuple, moves)) == brute


def test_a_class_gets_the_box_that_suits_it_beyond_the_reach_of_small_steps():
    """Where class and box are wrong together, the true class gains nothing before the box has moved."""
    generator = PaintingGenerator()
    for scan, found in ((0.0, (0, 2, 2, 13, 12)), (1 / 4, (1, 2, 2, 8, 12))):
        inverter, state = ready(generator, [(1, 2, 2, 8, 12)], [(0, 2, 2, 13, 12)], boxes=dict(rounds=1),
                                classes=dict(scan=scan, reach=10.0))
        assert bool(inverter.reclassify(state, ROW)) == bool(scan)
        assert objects_of(generator, state.ids[0]) == {found}


def test_the_last_look_renames_and_removes():
    generator = PaintingGenerator()
    truth = {(0, 1, 1, 7, 6), (2, 9, 8, 15, 15)}
    for start in ([(1, 2, 1, 7, 6), (0, 9, 9, 15, 15)], [*truth, (0, 2, 10, 6, 14)]):
        inverter, state = ready(generator, truth, start)
        found = inverter.finish(state, Trace(state.posterior))
        assert objects_of(generator, found.ids[0]) == truth


def test_no_step_and_no_class_is_better_after_the_last_look():
    """Energies depend on the noise here; all steps of a side are asked alone, on the whole bank."""
    generator = PaintingGenerator(leak=0.7)
    truth, start = [(0, 1, 1, 7, 6), (2, 9, 8, 15, 15)], [(0, 2, 1, 8, 6), (1, 9, 9, 14, 15)]
    inverter, state = ready(generator, truth, start, num_pairs=16, rescore=dict(
        rungs=(16,), rounds=20, class_pairs=16, class_keep=3))
    found = inverter.finish(state, Trace(state.posterior))
    ids, posterior = found.ids, generator.posterior([generator.layout(*truth)], num_pairs=16)
    least = float(posterior.energy(ROW, ids))
    torch.testing.assert_close(float(found.energy), least)
    for slot in generator.vocabulary.is_present(ids)[0].nonzero()[:, 0]:
        steps, new = move_boxes(ids, slot[None], SIDE_MOVES[None], generator.vocabulary, (1, 16))
        assert new.sum() > 4 and bool((posterior.energy(ROW.expand(int(new.sum())), steps[new]) >= least - 1e-6).all())
        assert float(found.class_evidence[0, slot].max()) == float(found.evidence[0, slot]) > inverter.object_cost
