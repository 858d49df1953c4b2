"""Anchors and moves against what a person counts on a small grid."""
import pytest
import torch

from dive_mmdet.inversion.moves import (
    SIDE_MOVES,
    anchor_boxes,
    class_moves,
    corners_to_steps,
    move_boxes,
    split_boxes,
    steps_to_corners,
)
from dive_mmdet.layout import LayoutTokenizer, LayoutVocabulary

VOCABULARY = LayoutVocabulary(num_classes=3, num_objects=2, grid=9, encode_crop=True)


def layout(*boxes):
    boxes = torch.tensor(boxes, dtype=torch.float64)
    return LayoutTokenizer(VOCABULARY).encode(boxes / 8, torch.arange(len(boxes)))


def boxes_of(layouts, slot):
    return corners_to_steps(VOCABULARY.objects(layouts)[..., slot, 1:], 9).tolist()


def test_steps_are_the_grid_coordinates_of_the_tokens():
    generator = torch.Generator().manual_seed(0)
    boxes = torch.cat([torch.randint(0, 4, (20, 2), generator=generator),
                       torch.randint(4, 9, (20, 2), generator=generator)], dim=1)
    tokens = torch.stack([layout(box)[1:3] for box in boxes.tolist()])
    assert torch.equal(corners_to_steps(tokens, 9), boxes)
    assert torch.equal(steps_to_corners(boxes, 9), tokens)


def test_anchor_boxes_counted_by_hand():
    """Half a side of 16 steps is 8; half overlap means every 4 steps: 0, 4, 8 along both axes."""
    expected = [[x, y, x + 8, y + 8] for x in (0, 4, 8) for y in (0, 4, 8)]
    assert sorted(anchor_boxes(17, [0.5], [1.0], 0.5).tolist()) == sorted(expected)
    wide = [[x, y, x + 8, y + 4] for x in (0, 4, 8) for y in (0, 2, 4, 6, 8, 10, 12)]
    assert sorted(anchor_boxes(17, [0.5], [2.0], 0.5).tolist()) == sorted(wide)
    assert anchor_boxes(17, [1.0], [1.0], 0.5).tolist() == [[0, 0, 16, 16]]


@pytest.mark.parametrize('overlap', [0.0, 0.3, 0.5, 0.6, 0.75])
def test_anchor_boxes_leave_no_gap(overlap):
    sides, aspects, grid = [0.25, 0.5], [1.0, 0.5, 2.0], 65
    boxes = anchor_boxes(grid, sides, aspects, overlap)
    assert len(boxes) == len(boxes.unique(dim=0)) and int(boxes.min()) >= 0 and int(boxes.max()) <= grid - 1
    spans = {(round(s * min(1, a) * 64), round(s * min(1, 1 / a) * 64)) for s in sides for a in aspects}
    assert {tuple(extent) for extent in (boxes[:, 2:] - boxes[:, :2]).tolist()} == spans
    for width, height in spans:
        group = boxes[((boxes[:, 2:] - boxes[:, :2]) == torch.tensor([width, height])).all(dim=1)]
        for axis, span in enumerate((width, height)):
            starts = group[:, axis].unique()
            assert starts[0] == 0 and starts[-1] == grid - 1 - span
            # Starts are rounded to the grid: one step more at most.
            assert int(starts.diff().max()) <= span * (1 - overlap) + 1
            assert len(group) % len(starts) == 0


def test_boxes_larger_than_the_image_are_left_out_or_refused():
    assert len(anchor_boxes(17, [0.5, 1.5], [1.0], 0.5)) == 9
    with pytest.raises(ValueError, match=r'No anchor of the scales \[1.5\] fits the image'):
        anchor_boxes(17, [1.5], [1.0], 0.5)


def test_side_moves_are_each_side_out_and_in():
    """In pairs a side, so that a pair changes one coordinate both ways."""
    assert SIDE_MOVES.shape == (8, 4)
    for side in range(4):
        pair = SIDE_MOVES[2 * side:2 * side + 2]
        assert sorted(pair[:, side].tolist()) == [-1, 1] and int(pair.abs().sum()) == 2


def test_one_box_moves_and_all_else_stays():
    ids = torch.stack([layout([1, 2, 5, 6], [3, 3, 8, 8]), layout([0, 0, 4, 4], [2, 1, 6, 7])])
    moved, valid = move_boxes(ids, torch.tensor([1, 0]), 2 * SIDE_MOVES.expand(2, -1, -1), VOCABULARY, (3, 8))
    assert boxes_of(moved[0], 1) == [[1, 3, 8, 8], [5, 3, 8, 8], [3, 1, 8, 8], [3, 5, 8, 8],
                                     [3, 3, 6, 8], [3, 3, 8, 8], [3, 3, 8, 6], [3, 3, 8, 8]]
    assert valid[0].tolist() == [True] * 5 + [False, True, False]  # the right and lower side cannot go out
    assert boxes_of(moved[1], 0) == [[0, 0, 4, 4]] * 5 + [[0, 0, 6, 4], [0, 0, 4, 4], [0, 0, 4, 6]]
    assert valid[1].tolist() == [False] * 5 + [True, False, True]  # nor in, where 2 steps would be left
    untouched = torch.ones(2, VOCABULARY.length, dtype=torch.bool)
    untouched[0, 4:6], untouched[1, 1:3] = False, False
    for image in range(2):
        assert bool((moved[image][:, untouched[image]] == ids[image][untouched[image]]).all())


def test_a_move_over_the_edge_stops_there():
    ids = layout([2, 1, 5, 6])[None]
    far = torch.tensor([[[-4, -4, 0, 0], [0, 0, 9, 0]]])
    moved, valid = move_boxes(ids, torch.tensor([0]), far, VOCABULARY, (1, 8))
    assert boxes_of(moved[0], 0) == [[0, 0, 5, 6], [2, 1, 8, 6]] and bool(valid.all())


def test_a_box_grows_as_far_as_allowed():
    ids = layout([2, 2, 6, 5])[None]
    moved, valid = move_boxes(ids, torch.tensor([0]), SIDE_MOVES[None], VOCABULARY, (3, 4))
    assert valid[0].tolist() == [False, True, True, False, True, False, False, True]
    assert boxes_of(moved[0][~valid[0]], 0) == [[2, 2, 6, 5]] * 4


def test_a_class_changes_and_all_else_stays():
    ids = torch.stack([layout([1, 2, 5, 6], [3, 3, 8, 8]), layout([0, 0, 4, 4], [2, 1, 6, 7])])
    changed = class_moves(ids, torch.tensor([1, 0]), VOCABULARY.class_ids, VOCABULARY)
    for image, slot in ((0, 1), (1, 0)):
        for label, token in enumerate(VOCABULARY.class_ids.tolist()):
            expected = ids[image].clone()
            expected[3 * slot] = token
            assert torch.equal(changed[image, label], expected)
    candidates = VOCABULARY.class_ids[torch.tensor([[2, 1], [0, 2]])]
    own = class_moves(ids, torch.tensor([0, 0]), candidates, VOCABULARY)
    assert torch.equal(own[:, :, 0], candidates)


def test_parts_of_a_box_cover_it_and_keep_to_the_bounds():
    boxes = torch.tensor([[2, 4, 14, 16], [0, 0, 4, 30], [5, 5, 45, 45], [60, 60, 64, 64]])
    parts = split_boxes(boxes, (4, 32))
    assert parts.shape == (4, 8, 2, 4)
    sides = parts[..., 2:] - parts[..., :2]
    assert int(sides.min()) >= 4 and int(sides.max()) <= 32
    assert bool((parts[..., :2] >= boxes[:, None, None, :2]).all())
    assert bool((parts[..., 2:] <= boxes[:, None, None, 2:]).all())
    assert parts[0, 2:4].tolist() == [[[2, 4, 8, 16], [8, 4, 14, 16]], [[2, 4, 14, 10], [2, 10, 14, 16]]]
    assert parts[0, 6].tolist() == [[2, 4, 8, 10], [8, 10, 14, 16]]
