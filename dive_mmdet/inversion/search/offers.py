"""Changes that a move offers, and the latent pixels that they can change."""
from dataclasses import dataclass

import torch
from torch import Tensor

from dive_mmdet.inversion.moves import corners_to_steps
from dive_mmdet.layout import LayoutVocabulary
from dive_mmdet.layout.vocabulary import CLASS

FREE, UNUSED = -1, -2  # slots: whichever is free, and none


@dataclass(frozen=True)
class Offers:
    """Changes of one object or of two.

    Attributes:
        rows: (O,) rows of the search state that they are meant for, ascending.
        groups: (O,) offers of one group exclude each other; no two rows share a group.
        slots: (O, 2) of the objects that change, FREE for a new object, UNUSED for none.
        objects: (O, 2, 3) class, top left and bottom right that the slots get; none where the object goes.
    """
    rows: Tensor
    groups: Tensor
    slots: Tensor
    objects: Tensor

    def __len__(self) -> int:
        """O."""
        return len(self.rows)

    def at(self, index: Tensor) -> 'Offers':
        """Those of a mask or of indices."""
        return Offers(self.rows[index], self.groups[index], self.slots[index], self.objects[index])

    @classmethod
    def of_one(cls, rows: Tensor, groups: Tensor, slots: Tensor, objects: Tensor) -> 'Offers':
        """Changes of one object each, slots (O,) and objects (O, 3)."""
        return cls(rows, groups, torch.stack([slots, torch.full_like(slots, UNUSED)], dim=1),
                   torch.stack([objects, torch.zeros_like(objects)], dim=1))

    def growth(self, vocabulary: LayoutVocabulary) -> Tensor:
        """How many objects the layout has more with each, (O,)."""
        becomes = (self.objects[..., CLASS] != vocabulary.none) & (self.slots != UNUSED)
        return becomes.sum(dim=1) - (self.slots >= 0).sum(dim=1)


def join(several: list[Offers]) -> Offers:
    """All of them, in order of rows; groups stay as they are."""
    parts = ('rows', 'groups', 'slots', 'objects')
    together = Offers(*(torch.cat([getattr(offers, part) for offers in several]) for part in parts))
    return together.at(together.rows.argsort(stable=True))


def regions(ids: Tensor, offers: Offers, vocabulary: LayoutVocabulary, shape: tuple[int, int]) -> Tensor:
    """Latent pixels under the boxes that an offer takes away or brings, (N, L) layouts of all rows -> (O, h, w) bool.
    """
    old = vocabulary.objects(ids)[offers.rows[:, None], offers.slots.clamp(min=0)]    # (O, 2, 3)
    objects = torch.cat([old, offers.objects], dim=1)                                 # (O, 4, 3)
    there = torch.cat([offers.slots >= 0, offers.slots != UNUSED], dim=1)
    return covered(objects, there & (objects[..., CLASS] != vocabulary.none), vocabulary, shape)


def covered(objects: Tensor, there: Tensor, vocabulary: LayoutVocabulary, shape: tuple[int, int]) -> Tensor:
    """Latent pixels that any of some objects touches, (O, B, 3) and whether they count (O, B) -> (O, h, w) bool."""
    corners = objects[..., 1:].clamp(max=vocabulary.num_corners - 1)
    boxes = corners_to_steps(corners, vocabulary.grid).double() / (vocabulary.grid - 1)
    inside = []
    for axis, size in ((1, shape[0]), (0, shape[1])):
        pixel = torch.arange(size)
        low, high = boxes[..., axis, None] * size, boxes[..., axis + 2, None] * size
        inside.append((pixel + 1 > low) & (pixel < high) & there[..., None])          # (O, B, size)
    return (inside[0][..., :, None] & inside[1][..., None, :]).any(dim=1)
