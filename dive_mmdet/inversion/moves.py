"""Neighbours of a layout: one object's box moved, or its class changed."""
import torch
from torch import Tensor

from dive_mmdet.layout import LayoutVocabulary
from dive_mmdet.layout.vocabulary import CLASS

# x0, y0, x1, y1 in steps: each side out and in, in pairs.
SIDE_MOVES = torch.tensor([[-1, 0, 0, 0], [1, 0, 0, 0], [0, -1, 0, 0], [0, 1, 0, 0],
                           [0, 0, -1, 0], [0, 0, 1, 0], [0, 0, 0, -1], [0, 0, 0, 1]])


def corners_to_steps(corners: Tensor, grid: int) -> Tensor:
    """Corner ids (..., 2) -> grid coordinates x0, y0, x1, y1 (..., 4)."""
    return torch.stack([corners[..., 0] % grid, corners[..., 0] // grid,
                        corners[..., 1] % grid, corners[..., 1] // grid], dim=-1)


def steps_to_corners(boxes: Tensor, grid: int) -> Tensor:
    """Grid coordinates (..., 4) -> corner ids (..., 2)."""
    return torch.stack([boxes[..., 1] * grid + boxes[..., 0], boxes[..., 3] * grid + boxes[..., 2]], dim=-1)


def put(ids: Tensor, slots: Tensor, classes: Tensor, corners: Tensor, vocabulary: LayoutVocabulary) -> Tensor:
    """Layouts with one object set, (B, L), (B,), (B,), (B, 2) -> (B, L)."""
    ids = ids.clone()
    vocabulary.objects(ids)[torch.arange(len(ids)), slots] = torch.cat([classes[:, None], corners], dim=1)
    return ids


def move_boxes(ids: Tensor, slots: Tensor, moves: Tensor, vocabulary: LayoutVocabulary,
               bounds: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Layouts with the box of one object of each moved.

    A side stops at the edge of the image; an object whose sides would leave the bounds stays where it is, as absent
    ones do.

    Args:
        ids: (B, L).
        slots: (B,) of the objects.
        moves: (B, M, 4) x0, y0, x1, y1 in grid steps.
        vocabulary: of the layouts.
        bounds: shortest and longest side of a box in grid steps.

    Returns:
        layouts (B, M, L) and which of them are new, (B, M) bool.
    """
    grid, rows = vocabulary.grid, torch.arange(len(ids))
    corners = vocabulary.objects(ids)[rows, slots, 1:][:, None]                       # (B, 1, 2)
    boxes = corners_to_steps(corners, grid)
    moved = (boxes + moves).clamp(0, grid - 1)                                        # (B, M, 4)
    sides = moved[..., 2:] - moved[..., :2]
    valid = ((sides >= bounds[0]) & (sides <= bounds[1])).all(dim=-1) & (moved != boxes).any(dim=-1)
    valid &= vocabulary.is_present(ids)[rows, slots][:, None]
    layouts = ids[:, None].repeat(1, moves.shape[1], 1)
    corners = torch.where(valid[..., None], steps_to_corners(moved, grid), corners)
    vocabulary.objects(layouts)[rows, :, slots, 1:] = corners
    return layouts, valid


def class_moves(ids: Tensor, slots: Tensor, classes: Tensor, vocabulary: LayoutVocabulary) -> Tensor:
    """Layouts with one object's class set to each of `classes`, (B, L), (B,), (C,) or (B, C) -> (B, C, L)."""
    classes = classes.expand(len(ids), -1)
    layouts = ids[:, None].repeat(1, classes.shape[1], 1)
    vocabulary.objects(layouts)[torch.arange(len(ids)), :, slots, CLASS] = classes
    return layouts


def anchor_boxes(grid: int, scales: list[float], ratios: list[float], overlap: float) -> Tensor:
    """A coarse grid of anchors over the image, as grid coordinates x0, y0, x1, y1, (G, 4) int64.

    Args:
        grid: points an axis.
        scales: longer sides of the anchors as parts of the image's side.
        ratios: width over height.
        overlap: part of an anchor that neighbours along an axis share at least.
    """
    boxes = []
    for scale in scales:
        for ratio in ratios:
            width, height = scale * min(1, ratio), scale * min(1, 1 / ratio)
            spans = [max(1, round(extent * (grid - 1))) for extent in (width, height)]
            starts = []
            for span in spans:
                room = grid - 1 - span
                if room < 0:
                    break
                count = int(room / max(1.0, span * (1 - overlap)) + 0.999) + 1
                starts.append(torch.linspace(0, room, count).round().long())
            if len(starts) < 2:
                continue
            y, x = torch.meshgrid(starts[1], starts[0], indexing='ij')
            x, y = x.flatten(), y.flatten()
            boxes.append(torch.stack([x, y, x + spans[0], y + spans[1]], dim=1))
    if not boxes:
        raise ValueError(f'No anchor of the scales {scales} fits the image: give scales between 0 and 1.')
    return torch.cat(boxes).unique(dim=0)


def split_boxes(boxes: Tensor, bounds: tuple[int, int]) -> Tensor:
    """Ways to share a box between two objects: side by side, one above the other, and at opposite corners.

    Args:
        boxes: (B, 4) grid coordinates x0, y0, x1, y1, with sides of at least the shortest allowed.
        bounds: shortest and longest side of a part in grid steps.

    Returns:
        (B, S, 2, 4), S = 8.
    """
    ways = []
    for cut in (1 / 3, 1 / 2, 2 / 3):
        ways += [[(0, 0, cut, 1), (cut, 0, 1, 1)], [(0, 0, 1, cut), (0, cut, 1, 1)]]
    ways += [[(0, 0, 0.5, 0.5), (0.5, 0.5, 1, 1)], [(0.5, 0, 1, 0.5), (0, 0.5, 0.5, 1)]]
    ways = torch.tensor(ways)                                                         # (S, 2, 4)
    origin, extent = boxes[:, None, None, :2], boxes[:, None, None, 2:] - boxes[:, None, None, :2]
    low, high = ((origin + (corner * extent).round()).long() for corner in (ways[..., :2], ways[..., 2:]))
    # The end that touches the box stays; where both do, the far one moves.
    side = (high - low).clamp(*bounds)
    low = torch.where((high == origin + extent) & (low > origin), high - side, low)
    return torch.cat([low, low + side], dim=-1)
