"""Many offers in few layouts: those that lie apart are asked together."""
import numpy as np
import torch
from torch import Tensor

from dive_mmdet.layout import LayoutVocabulary
from dive_mmdet.layout.vocabulary import CLASS

from .offers import FREE, UNUSED, Offers


class OpenLayout:
    """A layout that offers are put into.

    Args:
        layout: (L,) that they change.
        free: slots that new objects may take.
    """

    def __init__(self, layout: Tensor, free: list[int]):
        self.layout, self.free = layout.clone(), list(free)
        self.pixels, self.slots = 0, set()

    def fits(self, slots: list[int], around: int) -> bool:
        """Whether an offer of some slots lies apart from those that are in, `around` being its pixels as bits."""
        return (not self.pixels & around and not self.slots.intersection(slots)
                and slots.count(FREE) <= len(self.free))

    def put(self, slots: list[int], objects: Tensor, vocabulary: LayoutVocabulary) -> list[int]:
        """Write objects (2, 3) into slots, new ones into free ones; which they took."""
        taken = []
        for slot, content in zip(slots, objects):
            if slot != UNUSED:
                slot = self.free.pop(0) if slot == FREE else slot
                self.slots.add(slot)
                gone = content[CLASS] == vocabulary.none
                vocabulary.objects(self.layout)[slot] = vocabulary.none if gone else content
            taken.append(slot)
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
    pixels, around = _bits(regions), _bits(_widened(regions))
    free = free_slots(ids, vocabulary)
    where, every, rows, here, row = [], [], [], [], None
    for index, slots in enumerate(offers.slots.tolist()):
        if int(offers.rows[index]) != row:
            row, here = int(offers.rows[index]), []
        if slots.count(FREE) > len(free[row]):
            where.append(-1)
            continue
        place = next((place for place in here if every[place].fits(slots, around[index])), None)
        if place is None:
            place = len(every)
            here.append(place)
            every.append(OpenLayout(ids[row], free[row]))
            rows.append(row)
        every[place].put(slots, offers.objects[index], vocabulary)
        every[place].pixels |= pixels[index]
        where.append(place)
    layouts = torch.stack([each.layout for each in every]) if every else ids[:0]
    return torch.tensor(where, dtype=torch.long), layouts, torch.tensor(rows, dtype=torch.long)


def alone(ids: Tensor, offers: Offers, vocabulary: LayoutVocabulary) -> Tensor:
    """Layouts with one offer each, as far as slots are free, (N, L) of all rows -> (O, L)."""
    free, layouts = free_slots(ids, vocabulary), []
    for index, (row, slots) in enumerate(zip(offers.rows.tolist(), offers.slots.tolist())):
        layout = OpenLayout(ids[row], free[row])
        if slots.count(FREE) <= len(free[row]):
            layout.put(slots, offers.objects[index], vocabulary)
        layouts.append(layout.layout)
    return torch.stack(layouts) if layouts else ids[:0]


def together(ids: Tensor, offers: Offers, vocabulary: LayoutVocabulary) -> tuple[Tensor, Tensor, Tensor]:
    """Layouts with all offers of their row: the rows (R,), the layouts (R, L), and the slots that each took (O, 2)."""
    rows, free = offers.rows.unique(), free_slots(ids, vocabulary)
    layouts = {row: OpenLayout(ids[row], free[row]) for row in rows.tolist()}
    slots = [layouts[row].put(own, objects, vocabulary)
             for row, own, objects in zip(offers.rows.tolist(), offers.slots.tolist(), offers.objects)]
    every = torch.stack([layouts[row].layout for row in rows.tolist()]) if len(rows) else ids[:0]
    return rows, every, torch.tensor(slots, dtype=torch.long).view(-1, 2)


def _widened(regions: Tensor) -> Tensor:
    """With all pixels that touch them."""
    if not len(regions):
        return regions
    return torch.nn.functional.max_pool2d(regions[:, None].float(), 3, stride=1, padding=1)[:, 0].bool()


def _bits(masks: Tensor) -> list[int]:
    """Masks (O, h, w) as integers."""
    return [int.from_bytes(row.tobytes(), 'little') for row in np.packbits(masks.flatten(1).numpy(), axis=1)]
