"""The move that adds objects."""
from dataclasses import replace

import torch
from torch import Tensor

from dive_mmdet.inversion.dictionary import Dictionary
from dive_mmdet.layout.vocabulary import CLASS

from .objects import boxes_of, boxes_of_offers, present, unknown
from .offers import FREE, Offers, regions
from .race import Rungs, race, region_gains
from .settings import Add
from .state import SearchState
from .take import try_out


class AddObjects:
    """Objects where the dictionary or a sweep of all anchors says that something is missing, as many as lie apart.

    Args:
        dictionary: of anchors.
        settings: of new objects.
        polish: of a layout with new objects of unknown class, called with a branch and its rows.
    """

    def __init__(self, dictionary: Dictionary, settings: Add, polish):
        self.dictionary, self.settings, self.polish = dictionary, settings, polish

    def __call__(self, state: SearchState, rows: Tensor) -> Tensor:
        """(B,) bool: which rows changed."""
        changed = torch.zeros(len(state), dtype=torch.bool)
        for _ in range(state.vocabulary.num_objects):
            now = self.once(state, rows)
            changed |= now
            rows = rows[now[rows]]
            if not len(rows):
                break
        return changed

    def once(self, state: SearchState, rows: Tensor) -> Tensor:
        """One round of it; (B,) bool: which rows changed."""
        rows = rows[(state.objects[rows] < state.vocabulary.num_objects) & state.pays(rows, 1, growth=1)]
        if not len(rows):
            return torch.zeros(len(state), dtype=torch.bool)
        chosen, real = self._candidates(state, rows)
        classes = self._classes(state)
        own = rows.repeat_interleave(chosen.shape[1] * len(classes))
        objects = unknown(state, self.dictionary.boxes[chosen.flatten()]).repeat_interleave(len(classes), dim=0)
        objects[:, CLASS] = classes.repeat(chosen.numel())
        offers = Offers.of_one(own, own, torch.full_like(own, FREE), objects)
        offers = offers.at(real.flatten().repeat_interleave(len(classes)))
        if not len(offers):
            return torch.zeros(len(state), dtype=torch.bool)
        # An object may cost more while its class is unknown; the branch decides when it has one.
        credit = max(0.0, state.object_cost)
        least = -abs(state.object_cost)
        answers = race(state, offers, Rungs(self.settings.rungs, self.settings.keep, least=least))
        answers = replace(answers, offers=replace(answers.offers, groups=torch.arange(len(answers))))  # all may stay
        worth = answers.worth(state) + credit
        box = boxes_of_offers(state, answers.offers).double() / (state.vocabulary.grid - 1)
        area = (box[:, 2:] - box[:, :2]).prod(dim=1)
        worth = torch.where(worth > 0, worth / area ** self.settings.area_exponent, worth)
        return try_out(state, answers, worth, self.polish)

    def _candidates(self, state: SearchState, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Anchors that are proposed, and which of them are real and not there to fill up, (R, F) and (R, F) bool."""
        count, iou = self.settings.candidates, self.settings.nms_iou
        if not self.settings.sweep:
            chosen = self.dictionary.best(state.posterior, state.images[rows], state.ids[rows], count, iou)
            return chosen, torch.ones_like(chosen, dtype=torch.bool)
        gains = self._swept(state, rows)
        chosen = self.dictionary.apart(gains, count, iou)
        again = (chosen[:, :, None] == chosen[:, None]).tril(diagonal=-1).any(dim=-1)
        return chosen, gains.gather(1, chosen).isfinite() & ~again

    def _swept(self, state: SearchState, rows: Tensor) -> Tensor:
        """What every anchor that no object touches gains as an object of unknown class, (R, G); of others -inf."""
        boxes = self.dictionary.boxes
        own, slots = present(state, rows)
        theirs = boxes_of(state, own, slots)
        apart = torch.ones(len(state), len(boxes), dtype=torch.bool)
        touching = ((torch.minimum(theirs[:, None, 2:], boxes[None, :, 2:])
                     - torch.maximum(theirs[:, None, :2], boxes[None, :, :2])) > 0).all(dim=-1)      # (P, G)
        for row, touched in zip(own.tolist(), touching):
            apart[row] &= ~touched
        which, anchor = apart[rows].nonzero(as_tuple=True)
        offers = Offers.of_one(rows[which], torch.arange(len(which)), torch.full_like(which, FREE),
                               unknown(state, boxes[anchor]))
        gains = region_gains(state, offers, regions(state.ids, offers, state.vocabulary, state.shape),
                             torch.arange(min(self.settings.sweep, state.pairs))).mean(dim=1)
        return torch.full((len(rows), len(boxes)), -float('inf')).index_put((which, anchor), gains)

    def _classes(self, state: SearchState) -> Tensor:
        """Class ids that a new object is offered with, the unknown one first."""
        ids = torch.tensor([state.vocabulary.any_class])
        few = state.vocabulary.num_class_ids <= self.settings.classes
        return torch.cat([ids, state.vocabulary.class_ids]) if few else ids
