"""Objects of layouts: which there are, what they may become, and whether they stay."""
import torch
from torch import Tensor

from dive_mmdet.inversion.moves import corners_to_steps, steps_to_corners
from dive_mmdet.layout.vocabulary import CLASS

from .offers import Offers
from .race import Rungs, race
from .state import SearchState
from .take import take


def present(state: SearchState, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and slots of all objects that some rows (R,) have, (P,), (P,)."""
    which, slots = state.vocabulary.is_present(state.ids[rows]).nonzero(as_tuple=True)
    return rows[which], slots


def group_of(state: SearchState, rows: Tensor, slots: Tensor) -> Tensor:
    """One group an object, (P,), (P,) -> (P,)."""
    return rows * state.vocabulary.num_objects + slots


def boxes_of(state: SearchState, rows: Tensor, slots: Tensor) -> Tensor:
    """Grid coordinates x0, y0, x1, y1 of objects, (P,), (P,) -> (P, 4)."""
    return corners_to_steps(state.vocabulary.objects(state.ids)[rows, slots, 1:], state.vocabulary.grid)


def boxes_of_offers(state: SearchState, offers: Offers) -> Tensor:
    """Boxes that offers of one object bring, in grid coordinates, (O, 4)."""
    return corners_to_steps(offers.objects[:, 0, 1:], state.vocabulary.grid)


def unknown(state: SearchState, boxes: Tensor) -> Tensor:
    """Objects of unknown class, boxes (..., 4) -> (..., 3)."""
    corners = steps_to_corners(boxes, state.vocabulary.grid)
    return torch.cat([torch.full_like(corners[..., :1], state.vocabulary.any_class), corners], dim=-1)


def other_boxes(state: SearchState, rows: Tensor, slots: Tensor, moves: Tensor, bounds: tuple[int, int]) -> Offers:
    """Objects with their sides moved, each box once, as far as sides stay within bounds and the box is another one.

    Args:
        state: of the objects.
        rows, slots: (P,) objects.
        moves: (P, A, 4) x0, y0, x1, y1 in grid steps; a side stops at the edge of the image.
        bounds: shortest and longest side in grid steps.
    """
    grid, boxes = state.vocabulary.grid, boxes_of(state, rows, slots)[:, None]
    moved = (boxes + moves).clamp(0, grid - 1)                                        # (P, A, 4)
    sides = moved[..., 2:] - moved[..., :2]
    valid = ((sides >= bounds[0]) & (sides <= bounds[1])).all(dim=-1) & (moved != boxes).any(dim=-1)
    same = (moved[:, :, None] == moved[:, None]).all(dim=-1).tril(diagonal=-1).any(dim=-1)
    which, alternative = (valid & ~same).nonzero(as_tuple=True)
    classes = state.vocabulary.objects(state.ids)[rows, slots, :1][which]
    objects = torch.cat([classes, steps_to_corners(moved[which, alternative], grid)], dim=1)
    return Offers.of_one(rows[which], group_of(state, rows, slots)[which], slots[which], objects)


def other_classes(state: SearchState, rows: Tensor, slots: Tensor, classes: Tensor | None = None) -> Offers:
    """Objects (P,), (P,) with each of some classes (P, S), all by default, that they do not have."""
    classes = state.vocabulary.class_ids.expand(len(rows), -1) if classes is None else classes
    which = torch.arange(len(rows)).repeat_interleave(classes.shape[1])
    objects = state.vocabulary.objects(state.ids)[rows, slots][which].clone()
    other = objects[:, CLASS] != classes.flatten()
    objects[:, CLASS] = classes.flatten()
    which, objects = which[other], objects[other]
    return Offers.of_one(rows[which], group_of(state, rows, slots)[which], slots[which], objects)


def removals(state: SearchState, rows: Tensor, slots: Tensor) -> Offers:
    """Layouts without objects (P,), (P,), one each."""
    nothing = torch.full((len(rows), 3), state.vocabulary.none)
    return Offers.of_one(rows, group_of(state, rows, slots), slots, nothing)


def remove_objects(state: SearchState, rows: Tensor) -> Tensor:
    """A move: objects go that are not worth what they must be; (B,) bool: which rows changed."""
    answers = race(state, removals(state, *present(state, rows)), Rungs((state.pairs,)))
    return take(state, answers, answers.worth(state))
