"""What the dictionary would put in the place of an object or of two neighbours."""
import torch
from torch import Tensor

from dive_mmdet.inversion.atlas import Atlas

from .objects import boxes_of, group_of, unknown
from .offers import FREE, UNUSED, Offers
from .state import SearchState

NEAR, FAR = 0.8, 0.05  # IoU of an object with anchors that replace it: below, above
FIRST, SECOND = 3, 2  # where two anchors come together: how many are first, and how many are tried beside each
APART = 0.4  # IoU of two such anchors, at most


class Replacements:
    """One anchor, or two, of unknown class in the place of one object or of two.

    The second of two anchors is the best beside the first, as in matching pursuit: what both would explain counts once.

    Args:
        dictionary: of anchors.
        anchors: that are offered alone.
    """

    def __init__(self, dictionary: Atlas, anchors: int):
        self.dictionary, self.anchors = dictionary, anchors

    def __call__(self, state: SearchState, rows: Tensor, slots: Tensor) -> list[Offers]:
        """Offers of one anchor, and of two.

        Args:
            state: of the objects.
            rows: (S,) of the sets of objects that go, ascending; one evaluation each.
            slots: (S, 2) of the objects, FREE where a set has one alone.
        """
        asked = torch.bincount(rows, minlength=len(state))
        paid = state.pays(rows, asked[rows])
        rows, slots = rows[paid], slots[paid]
        if not len(rows):
            return []
        ranks, near = self._ranks(state, rows, slots)
        return [self._one(state, rows, slots, ranks.masked_fill(near, -float('inf'))),
                self._two(state, rows, slots, ranks)]

    def _ranks(self, state: SearchState, rows: Tensor, slots: Tensor) -> tuple[Tensor, Tensor]:
        """Ranks of all anchors that overlap a set when it is gone, and whether they are one of its boxes, (S, G)."""
        from mmdet.structures.bbox import bbox_overlaps  # not needed where layouts are not searched
        vocabulary, without, place = state.vocabulary, state.ids[rows].clone(), torch.arange(len(rows))
        overlap = torch.zeros(len(rows), len(self.dictionary.boxes))
        for slot in slots.T:
            there = slot != FREE
            vocabulary.objects(without)[place[there], slot[there]] = vocabulary.none
            boxes = boxes_of(state, rows[there], slot[there]).float()
            overlap[there] = overlap[there].maximum(bbox_overlaps(boxes, self.dictionary.boxes.float()))
        ranks = self.dictionary.ranks(state.posterior, state.images[rows], without)
        return ranks.masked_fill(overlap <= FAR, -float('inf')), overlap > NEAR

    def _one(self, state: SearchState, rows: Tensor, slots: Tensor, ranks: Tensor) -> Offers:
        value, best = ranks.topk(min(self.anchors, ranks.shape[1]), dim=1)
        which, place = value.isfinite().nonzero(as_tuple=True)
        new = unknown(state, self.dictionary.boxes[best[which, place]])
        own = slots[which].masked_fill(slots[which] == FREE, UNUSED)
        return Offers(rows[which], group_of(state, rows, slots[:, 0])[which], own,
                      torch.stack([new, torch.full_like(new, state.vocabulary.none)], dim=1))

    def _two(self, state: SearchState, rows: Tensor, slots: Tensor, ranks: Tensor) -> Offers:
        dictionary, found = self.dictionary, []
        for value, first in zip(*dictionary.distinct(ranks, FIRST, 0.5)):
            beside = dictionary.beside(ranks, first, APART)
            for gain, second in zip(*dictionary.distinct(beside, SECOND, 0.5)):
                which = ((value > 0) & (gain > 0)).nonzero()[:, 0]
                boxes = torch.stack([dictionary.boxes[first[which]], dictionary.boxes[second[which]]], dim=1)
                found.append((which, unknown(state, boxes)))
        which, objects = (torch.cat(parts) for parts in zip(*found))
        order = which.argsort(stable=True)
        which, objects = which[order], objects[order]
        return Offers(rows[which], group_of(state, rows, slots[:, 0])[which], slots[which], objects)
