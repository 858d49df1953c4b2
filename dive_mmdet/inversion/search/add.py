"""The move that adds objects."""
from dataclasses import replace

import torch
from torch import Tensor

from dive_mmdet.inversion.dictionary import Dictionary

from .objects import boxes_of_offers, unknown
from .offers import FREE, Offers
from .race import Rungs, race
from .settings import Add
from .state import SearchState
from .take import try_out


class AddObjects:
    """Objects where the dictionary says that something is missing, as many as lie apart.

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
        chosen = self.dictionary.best(state.posterior, state.images[rows], state.ids[rows], self.settings.candidates,
                                      self.settings.nms_iou)                          # (R, F)
        own = rows.repeat_interleave(chosen.shape[1])
        objects = unknown(state, self.dictionary.boxes[chosen.flatten()])
        offers = Offers.of_one(own, own, torch.full_like(own, FREE), objects)
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
