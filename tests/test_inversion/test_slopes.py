"""Moves that a gradient proposes against energies of the moved layouts, on a generator that paints boxes."""
import pytest
import torch
from helpers.painting import PaintingGenerator, objects_of

from dive_mmdet.inversion.local_search import LocalSearch
from dive_mmdet.inversion.moves import SIDE_MOVES, move_objects
from dive_mmdet.inversion.slopes import helpful_together, side_slopes, single_steps, steepest_moves

TRUTH = ((1, 2, 3, 8, 9), (2, 10, 9, 14, 14))
IMAGE = torch.zeros(1, dtype=torch.long)


class SmoothGenerator(PaintingGenerator):
    """Predicts the grey everywhere as a quadratic of all corners, so that first-order scores are exact up to s^2."""

    def paint(self, rows):
        objects = self.vocabulary.objects(rows.transpose(1, 2)).permute(0, 2, 3, 1)      # (B, K, 3, 4)
        weights = torch.tensor([[3.0, -2.0], [-1.0, 4.0]])
        level = (objects[:, :, 1:, :2] * weights).sum(dim=(1, 2, 3))
        return level[:, None, None, None].expand(-1, 1, self.size, self.size)


def test_slopes_are_the_directional_derivatives():
    """The energy is (level - target)^2, so a step of s changes it by 2 (level - target) w s / 16 + (w s / 16)^2."""
    generator = SmoothGenerator()
    posterior = generator.posterior([generator.layout(*TRUTH)])
    start = generator.layout((1, 3, 3, 8, 9), (2, 10, 9, 14, 14))[None]
    steps = torch.tensor([-2, -1, 1, 2])
    slopes = side_slopes(posterior, IMAGE, start, 4, steps)
    weights = torch.tensor([3.0, -2.0, -1.0, 4.0]) / 16
    expected = 2 * (3 / 16) * weights[:, None] * steps
    torch.testing.assert_close(slopes[0, :2], expected.expand(2, 4, 4), rtol=1e-3, atol=1e-5)
    assert posterior.nfe.tolist() == [3 * 4]  # a backward counts as two
    for side in range(4):
        moved, _ = move_objects(start, (torch.eye(4, dtype=torch.long)[side] * torch.tensor([1, 0, 0])[:, None])[
            None, None], generator.vocabulary, (1, 16))
        change = posterior.energy(IMAGE, moved[:, 0]) - posterior.energy(IMAGE, start)
        torch.testing.assert_close(change[0] - weights[side] ** 2, slopes[0, 0, side, 2], rtol=1e-3, atol=1e-5)


def test_recommended_moves_by_hand():
    """Two objects, steps -1, 1, -2, 2; the sides that fall: x0 of the first by 2, y1 of both by -1."""
    slopes = torch.ones(1, 3, 4, 4)
    slopes[0, 0, 0] = torch.tensor([4.0, -3.0, 5.0, -5.0])
    slopes[0, 0, 3, 0], slopes[0, 1, 3, 0] = -2.0, -1.0
    slopes[0, 2] = -9.0  # not movable
    movable = torch.tensor([[True, True, False]])
    moves = steepest_moves(slopes, torch.tensor([-1, 1, -2, 2]), movable, 3)[0]
    first, second, none = [2, 0, 0, -1], [0, 0, 0, -1], [0] * 4
    assert moves[0].tolist() == [first, second, none]  # all
    assert moves[1].tolist() == [[1, 0, 0, -1], second, none]  # all by one step
    assert moves[2:5].tolist() == [[first, none, none], [none, second, none], [none] * 3]  # each object
    best = [[[2, 0, 0, 0], none, none], [first, none, none], [first, second, none]]  # the first, two and three sides
    assert moves[5:].tolist() == best


def test_where_nothing_falls_the_least_rising_side_is_still_tried():
    slopes = torch.full((1, 1, 4, 2), 2.0)
    slopes[0, 0, 1, 1] = 1.0
    moves = steepest_moves(slopes, torch.tensor([-1, 1]), torch.ones(1, 1, dtype=torch.bool), 1)[0]
    assert moves.tolist() == [[[0] * 4], [[0] * 4], [[0, 1, 0, 0]]]


def test_single_steps_are_all_sides_of_all_movable_objects():
    generator = PaintingGenerator()
    layout = generator.layout(*TRUTH)[None]
    movable = generator.vocabulary.is_present(layout)
    layouts, new = single_steps(generator.vocabulary, layout, movable, (1, 16))
    assert new.sum() == 16 and len({tuple(ids.tolist()) for ids in layouts[new]}) == 16
    only_first, new = single_steps(generator.vocabulary, layout, movable & torch.tensor([[True, False, False]]),
                                   (1, 16))
    assert new.sum() == 8 and all(TRUTH[1] in objects_of(generator, ids) for ids in only_first[new])


def test_helpful_steps_are_done_together():
    generator = PaintingGenerator()
    layout = generator.layout(*TRUTH)[None]
    gain = torch.full((1, 3, 4, 2), -1.0)
    gain[0, 0, 0, 0], gain[0, 1, 2, 1], gain[0, 1, 2, 0] = 1.0, 2.0, 1.0  # x0 of the first out; x1 of the second out
    layouts, new = helpful_together(generator.vocabulary, layout, gain.flatten(1), (1, 16))
    moved = [(1, 1, 3, 8, 9), (2, 10, 9, 15, 14)]
    assert [SIDE_MOVES[index].tolist() for index in (0, 5)] == [[-1, 0, 0, 0], [0, 0, 1, 0]]
    assert [objects_of(generator, ids) for ids in layouts[0, :3]] == [
        set(moved), {moved[0], TRUTH[1]}, {TRUTH[0], moved[1]}]
    assert new.tolist() == [[True, True, True, False]]


@pytest.mark.parametrize('exact_pairs', [0, 4])
def test_all_boxes_settle_at_once(exact_pairs):
    """Every side of both boxes is off; their energies are told apart by the image alone."""
    generator = PaintingGenerator()
    posterior = generator.posterior([generator.layout(*TRUTH)])
    local = LocalSearch(posterior, (1, 16), max_moves=12, guided=True)
    start = generator.layout((1, 3, 2, 7, 10), (2, 11, 8, 15, 15))[None]
    found = local.refine_all(IMAGE, start, 4, 2, 4, exact_pairs)
    assert objects_of(generator, found[0]) == set(TRUTH)
    absent = generator.vocabulary.empty()[None]
    assert torch.equal(local.refine_all(IMAGE, absent, 4, 2, 4, exact_pairs), absent)


def test_guided_moves_never_raise_the_energy():
    generator = PaintingGenerator(leak=0.05)
    posterior = generator.posterior([generator.layout(*TRUTH)] * 12, num_pairs=6)
    local = LocalSearch(posterior, (1, 16), max_moves=6, guided=True)
    random = torch.Generator().manual_seed(0)
    low, extent = torch.randint(0, 9, (12, 2), generator=random), torch.randint(2, 7, (12, 2), generator=random)
    start = torch.stack([generator.layout((1, *corner.tolist(), *(corner + side).tolist()))
                         for corner, side in zip(low, extent)])
    images = torch.arange(12)
    found = local.refine(images, start, torch.zeros(12, dtype=torch.long), 2, 4, 6)
    before, after = posterior.energy(images, start), posterior.energy(images, found)
    assert bool((after <= before).all()) and bool((after < before - 0.01).any())
