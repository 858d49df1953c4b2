"""Tokens exactly as the published layout models were trained on them, oddities included.

`LayoutTokenizer.encode` refuses what it cannot represent; `build_tokens` repeats what taming-transformers
`data/conditional_builder/{objects_center_points,objects_bbox,utils}.py` does instead, so that ids and places of tokens
are tested against its recorded outputs. Layouts that both take have the same tokens.

- Only the first K objects are kept, in the order of the annotation. Boxes without overlap with the crop, or without
  area, are dropped after that, so fewer than K may remain although more would have fitted.
- A box that hangs over the left or top edge is shifted inside with its full extent, not clipped; over the right or
  bottom edge it is clipped.
- With an encoded crop, boxes stay in coordinates of the whole image and may leave the crop. Without, they are
  re-expressed relative to the crop, and the shift above happens at the crop's edges.
- A horizontal flip mirrors boxes after that, and the encoded crop with them.
- A flag counts only if it is the very object `True`: the integer 1 of COCO's `iscrowd`, or numpy's `True`, does not.
- The group flag is ignored by a vocabulary without `use_group`, the other flags without `use_additional`.
- Exact halves round to the even grid point, in double precision.

The original also shuffles the objects it kept; here their order is the caller's.
"""
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from dive_mmdet.layout import LayoutTokenizer

FLAGS = ('is_group_of', 'is_occluded', 'is_depiction', 'is_inside')
WHOLE_IMAGE = (0.0, 0.0, 1.0, 1.0)

Box = tuple[float, float, float, float]


def build_tokens(tokenizer: LayoutTokenizer, annotations: Sequence[Mapping], crop: Box | None = None,
                 horizontal_flip: bool = False) -> Tensor:
    """Tokens of raw annotations as the original builds them.

    Boxes and crop are (x0, y0, width, height), normalised by the sides of the whole image.

    Args:
        tokenizer: of the published model's vocabulary.
        annotations: of one image, each with `bbox`, `category_no` (0 .. C - 1) and any of `FLAGS`.
        crop: the part of the image that the model sees; all of it by default.
        horizontal_flip: the model sees the image mirrored.

    Returns:
        (L,) int64.
    """
    vocabulary = tokenizer.vocabulary
    crop = crop or WHOLE_IMAGE
    kept = [a for a in annotations[:vocabulary.num_objects] if _overlap(a['bbox'], crop) > 0]
    frame = WHOLE_IMAGE if vocabulary.encode_crop else crop
    boxes = [_corners(_fit(a['bbox'], frame, horizontal_flip)) for a in kept]
    return tokenizer.assemble(
        torch.tensor(boxes, dtype=torch.float64).reshape(-1, 4),
        torch.tensor([a['category_no'] for a in kept], dtype=torch.long),
        torch.tensor([modifier_bits(a, vocabulary.modifier_bits) for a in kept], dtype=torch.long),
        torch.tensor(_corners(_mirror(crop) if horizontal_flip else crop), dtype=torch.float64))


def modifier_bits(annotation: Mapping, num_bits: int) -> int:
    """The first `num_bits` flags of an annotation as bits; only the object `True` sets one."""
    return sum(1 << bit for bit, flag in enumerate(FLAGS[:num_bits]) if annotation.get(flag) is True)


def _fit(box: Box, frame: Box, flip: bool) -> Box:
    """The box in coordinates of `frame`, its corner clamped into it and its extent limited to what is left."""
    x0, y0 = (min(max((box[axis] - frame[axis]) / frame[axis + 2], 0.0), 1.0) for axis in range(2))
    box = (x0, y0, min(box[2] / frame[2], 1 - x0), min(box[3] / frame[3], 1 - y0))
    return _mirror(box) if flip else box


def _mirror(box: Box) -> Box:
    return 1 - (box[0] + box[2]), box[1], box[2], box[3]


def _corners(box: Box) -> Box:
    return box[0], box[1], box[0] + box[2], box[1] + box[3]


def _overlap(box: Box, crop: Box) -> float:
    """Area that two boxes share."""
    a, b = _corners(box), _corners(crop)
    width, height = (max(0.0, min(a[axis + 2], b[axis + 2]) - max(a[axis], b[axis])) for axis in range(2))
    return width * height
