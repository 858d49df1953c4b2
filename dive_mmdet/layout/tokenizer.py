"""Boxes <-> tokens, as in taming-transformers `data/conditional_builder/objects_bbox.py`."""
from typing import NamedTuple

import torch
from torch import Tensor

from .vocabulary import CLASS, LayoutVocabulary

FULL_CROP = (0.0, 0.0, 1.0, 1.0)


class Layout(NamedTuple):
    """Decoded objects of one image.

    Attributes:
        boxes: (k, 4) float64, normalised x0, y0, x1, y1.
        labels: (k,) int64, 0 .. C - 1.
        modifiers: (k,) int64, modifier bits of the class id.
        slots: (k,) int64, the object slot each was read from.
        crop: (4,) float64, normalised corners, or None.
    """
    boxes: Tensor
    labels: Tensor
    modifiers: Tensor
    slots: Tensor
    crop: Tensor | None


class LayoutTokenizer:
    """Turns normalised boxes into token ids and back.

    A corner (x, y) in [0, 1] becomes round(y (n - 1)) n + round(x (n - 1)), exact halves to the even integer; all
    arithmetic is in double precision, since a tie may flip in single precision.

    Args:
        vocabulary: the ids.
    """

    def __init__(self, vocabulary: LayoutVocabulary):
        self.vocabulary = vocabulary

    def corner_ids(self, points: Tensor) -> Tensor:
        """(..., 2) normalised x, y -> (...) ids; the points must lie in [0, 1]."""
        steps = (points.double() * (self.vocabulary.grid - 1)).round().long()
        return steps[..., 1] * self.vocabulary.grid + steps[..., 0]

    def corner_points(self, ids: Tensor) -> Tensor:
        """(...) ids -> (..., 2) normalised x, y in float64; ids beyond the grid give coordinates above 1."""
        n = self.vocabulary.grid
        return torch.stack([ids % n, torch.div(ids, n, rounding_mode='floor')], dim=-1).double() / (n - 1)

    def encode(self, boxes: Tensor, labels: Tensor, modifiers: Tensor | None = None,
               crop: Tensor | None = None) -> Tensor:
        """Tokens of one layout, objects in the given order.

        Args:
            boxes: (k, 4) normalised x0, y0, x1, y1 in [0, 1] with x1 > x0 and y1 > y0; k <= K.
            labels: (k,) categories, 0 .. C - 1.
            modifiers: (k,) modifier bits; none set by default.
            crop: (4,) normalised corners; the whole image by default.

        Returns:
            (L,) int64.

        Raises:
            ValueError: too many objects, a box or crop outside the image or without area, an unknown category or
                modifier.
        """
        boxes = torch.as_tensor(boxes, dtype=torch.float64).reshape(-1, 4)
        labels = torch.as_tensor(labels).reshape(-1).long()
        modifiers = torch.zeros_like(labels) if modifiers is None else torch.as_tensor(modifiers).reshape(-1).long()
        crop = torch.as_tensor(FULL_CROP if crop is None else crop, dtype=torch.float64).reshape(4)
        self._check(boxes, labels, modifiers)
        self._check_boxes(boxes, 'Box')
        self._check_boxes(crop[None], 'Crop')
        return self.assemble(boxes, labels, modifiers, crop)

    def assemble(self, boxes: Tensor, labels: Tensor, modifiers: Tensor, crop: Tensor) -> Tensor:
        """`encode` without its checks, (k, 4), (k,), (k,) and (4,) -> (L,); corners must round to grid points."""
        vocabulary = self.vocabulary
        ids = vocabulary.empty()
        classes = labels + modifiers * vocabulary.num_classes + vocabulary.class_offset
        triples = torch.stack([classes, self.corner_ids(boxes[:, :2]), self.corner_ids(boxes[:, 2:])], dim=1)
        ids[:triples.numel()] = triples.flatten()
        if vocabulary.encode_crop:
            ids[-2:] = self.corner_ids(crop.reshape(2, 2))
        return ids

    def decode(self, ids: Tensor) -> Layout:
        """Objects of one layout, (L,); nothing is reordered or dropped, so reversed corners stay reversed."""
        vocabulary = self.vocabulary
        ids = torch.as_tensor(ids)
        slots = vocabulary.is_present(ids).nonzero()[:, 0]
        triples = vocabulary.objects(ids)[slots]
        classes = triples[:, CLASS] - vocabulary.class_offset
        modifiers = torch.div(classes, vocabulary.num_classes, rounding_mode='floor')
        return Layout(
            boxes=self.corner_points(triples[:, 1:]).flatten(1), labels=classes % vocabulary.num_classes,
            modifiers=modifiers & ((1 << vocabulary.modifier_bits) - 1), slots=slots,
            crop=self.corner_points(ids[-2:]).flatten() if vocabulary.encode_crop else None)

    def _check(self, boxes: Tensor, labels: Tensor, modifiers: Tensor) -> None:
        vocabulary = self.vocabulary
        if not len(boxes) == len(labels) == len(modifiers):
            raise ValueError(f'{len(boxes)} boxes came with {len(labels)} labels and {len(modifiers)} modifiers: give '
                             'one of each an object.')
        if len(labels) > vocabulary.num_objects:
            raise ValueError(f'{len(labels)} objects do not fit {vocabulary.num_objects} slots: raise num_objects or '
                             'drop objects from the annotation.')
        unknown = labels[(labels < 0) | (labels >= vocabulary.num_classes)]
        if len(unknown):
            raise ValueError(f'Label {int(unknown[0])} is none of the {vocabulary.num_classes} categories: the '
                             'category list and the vocabulary must match.')
        unknown = modifiers[(modifiers < 0) | (modifiers >= 1 << vocabulary.modifier_bits)]
        if len(unknown):
            raise ValueError(f'Modifier {int(unknown[0])} does not fit the {vocabulary.modifier_bits} modifier bits of '
                             'this vocabulary: see use_group and use_additional.')

    @staticmethod
    def _check_boxes(boxes: Tensor, what: str) -> None:
        # Negated, so that NaN is refused too.
        outside = ~((boxes >= 0) & (boxes <= 1)).all(dim=1)
        flat = ~(boxes[:, 2:] > boxes[:, :2]).all(dim=1)
        for bad, why in ((outside, 'lies outside the image (normalised corners must be in [0, 1]): clip it'),
                         (flat, 'has no area: remove it')):
            if bool(bad.any()):
                box = [round(v, 4) for v in boxes[bad][0].tolist()]
                raise ValueError(f'{what} {box} {why} in the annotations.')
