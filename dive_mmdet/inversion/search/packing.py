"""Many offers in few layouts: those that lie apart are asked together."""
import numpy as np
import torch
from torch import Tensor

from dive_mmdet.layout import LayoutVocabulary
from dive_mmdet.layout.vocabulary import CLASS

from .offers import FREE, UNUSED, Offers


class OpenLayout:
    """What offers have taken of a layout.

    Args:
        free: slots that new objects may take.
    """

    def __init__(self, free: list[int]):
        self.free, self.pixels, self.slots = list(free), 0, set()

    def fits(self, slots: list[int], around: int) -> bool:
        """Whether an offer of some slots lies apart from those that are in, `around` being its pixels as bits."""
        return (not self.pixels & around and not self.slots.intersection(slots)
                and slots.count(FREE) <= len(self.free))

    def put(self, slots: list[int], pixels: int = 0) -> list[int]:
        """Which slots an offer takes, new objects free ones."""
        taken = [self.free.pop(0) if slot == FREE else slot for slot in slots]
        self.slots.update(slot for slot in taken if slot != UNUSED)
        self.pixels |= pixels
        return taken


def free_slots(ids: Tensor, vocabulary: LayoutVocabulary) -> list[list[int]]:
    """Of every layout, (N, L)."""
    return [(~present).nonzero()[:, 0].tolist() for present in vocabulary.is_present(ids)]


def packed(ids: Tensor, offers: Offers, regions: Tensor, vocabulary: LayoutVocabulary) -> tuple[Tensor, Tensor, Tensor]:
    """Put every offer into a layout of its row with others whose regions neither overlap nor touch its own, first fit.

    Args:
        ids: (N, L) layouts of all rows.
        offers: O of them.
        regions: (O, h, w) bool.
        vocabulary: of the layouts.

    Returns:
        which layout holds each offer, (O,), -1 where no slot is free for it; the layouts, (M, L); their rows, (M,).
    """
    pixels, around = _bits(regions)
    free = free_slots(ids, vocabulary)
    where, taken, every, rows, here, row = [], [], [], [], [], None
    for index, (own, slots) in enumerate(zip(offers.rows.tolist(), offers.slots.tolist())):
        if own != row:
            row, here = own, []
        if slots.count(FREE) > len(free[row]):
            where.append(-1)
            taken.append([UNUSED, UNUSED])
            continue
        place = next((place for place in here if every[place].fits(slots, around[index])), None)
        if place is None:
            place = len(every)
            here.append(place)
            every.append(OpenLayout(free[row]))
            rows.append(row)
        taken.append(every[place].put(slots, pixels[index]))
        where.append(place)
    where, rows = torch.tensor(where, dtype=torch.long), torch.tensor(rows, dtype=torch.long)
    return where, written(ids[rows], where, taken, offers, vocabulary), rows


def alone(ids: Tensor, offers: Offers, vocabulary: LayoutVocabulary) -> Tensor:
    """Layouts with one offer each, as far as slots are free, (N, L) of all rows -> (O, L)."""
    free = free_slots(ids, vocabulary)
    taken = [OpenLayout(free[row]).put(slots) if slots.count(FREE) <= len(free[row]) else [UNUSED, UNUSED]
             for row, slots in zip(offers.rows.tolist(), offers.slots.tolist())]
    return written(ids[offers.rows], torch.arange(len(offers)), taken, offers, vocabulary)


def together(ids: Tensor, offers: Offers, vocabulary: LayoutVocabulary) -> tuple[Tensor, Tensor, Tensor]:
    """Layouts with all offers of their row: the rows (R,), the layouts (R, L), and the slots that each took (O, 2)."""
    rows, which = offers.rows.unique(return_inverse=True)
    layouts = [OpenLayout(free) for free in free_slots(ids[rows], vocabulary)]
    taken = [layouts[place].put(slots) for place, slots in zip(which.tolist(), offers.slots.tolist())]
    return rows, written(ids[rows], which, taken, offers, vocabulary), torch.tensor(taken, dtype=torch.long).view(-1, 2)


def written(layouts: Tensor, where: Tensor, taken: list[list[int]], offers: Offers,
            vocabulary: LayoutVocabulary) -> Tensor:
    """Layouts (M, L) of one's own with offers in them, at places (O,) and in the slots that they took."""
    slots = torch.tensor(taken, dtype=torch.long).view(-1, 2)
    offer, part = (slots != UNUSED).nonzero(as_tuple=True)
    objects = offers.objects[offer, part]
    objects = objects.masked_fill((objects[:, CLASS] == vocabulary.none)[:, None], vocabulary.none)
    layouts = layouts.clone()
    vocabulary.objects(layouts)[where[offer], slots[offer, part]] = objects
    return layouts


def _bits(masks: Tensor) -> tuple[list[int], list[int]]:
    """Masks (O, h, w) as integers, and the same with all pixels that touch them.

    A column that stays empty keeps the ends of neighbouring lines apart.
    """
    lines = torch.nn.functional.pad(masks, (0, 1)).flatten(1).numpy()
    width, pixels = masks.shape[2] + 1, [int.from_bytes(line.tobytes(), 'little')
                                         for line in np.packbits(lines, axis=1, bitorder='little')]
    wide = [bits | bits << 1 | bits >> 1 for bits in pixels]
    return pixels, [bits | bits << width | bits >> width for bits in wide]
