"""Changes that no chain of improving box moves reaches: objects split, merge, give way, and go far."""
from dataclasses import replace

import torch
from torch import Tensor

from dive_mmdet.inversion.dictionary import Dictionary
from dive_mmdet.inversion.moves import SIDE_MOVES, give_way, split_boxes
from dive_mmdet.layout.vocabulary import CLASS

from .objects import boxes_of, group_of, other_boxes, present, unknown
from .offers import FREE, UNUSED, Offers, join
from .race import Answers, Rungs, prior_gain, race
from .settings import Rearrange
from .state import SearchState
from .take import try_out

NEAR, FAR = 0.8, 0.05  # IoU of an object with anchors that it is offered: below, above
NEIGHBOURS = 1 / 32  # gap between objects that may merge or give way, as a part of the image's side
SPLIT, YIELD = 0.5, 0.3  # object costs by which two boxes may seem to lose while their classes are unknown


class RearrangeObjects:
    """Objects of unknown class in other boxes, tried where they beat those that stand, taken as of unknown class too.

    Args:
        dictionary: of anchors.
        settings: of rearrangements.
        bounds: shortest and longest side in grid steps.
        polish: of a layout with new objects of unknown class, called with a branch and its rows.
    """

    def __init__(self, dictionary: Dictionary, settings: Rearrange, bounds: tuple[int, int], polish):
        self.dictionary, self.settings, self.bounds, self.polish = dictionary, settings, bounds, polish

    def __call__(self, state: SearchState, rows: Tensor) -> Tensor:
        """(B,) bool: which rows changed."""
        own, slots = present(state, rows)
        if not len(own):
            return torch.zeros(len(state), dtype=torch.bool)
        standing = race(state, self._standing(state, own, slots), Rungs(self.settings.rungs[:1]))
        kinds = [self._splits(state, own, slots), self._merges(state, rows), self._anchors(state, own, slots),
                 self._sides(state, own, slots), self._yields(state, rows)]
        count = len(state) * state.vocabulary.num_objects
        offers = join([replace(offers, groups=offers.groups + kind * count) for kind, offers in enumerate(kinds)])
        answers = race(state, offers, Rungs(self.settings.rungs, self.settings.keep))
        worth = (answers.gain - self._rivals(state, standing, answers) + prior_gain(state, answers.offers)
                 - state.object_cost * self._price(state, answers.offers))
        return try_out(state, answers, worth, self.polish)

    @staticmethod
    def _price(state: SearchState, offers: Offers) -> Tensor:
        """What an offer must be worth in units of the object cost, (O,); the branch decides.

        What two boxes gain in the place of one or of two shows when they have classes of their own, and sides that fit.
        """
        growth = offers.growth(state.vocabulary)
        yields = (growth == 0) & (offers.slots[:, 1] != UNUSED)
        return torch.where(growth > 0, -SPLIT, torch.where(yields, -YIELD, growth.float()))

    def _rivals(self, state: SearchState, standing: Answers, answers: Answers) -> Tensor:
        """What the objects that an offer changes gain as of unknown class where they stand, (O,)."""
        gain = torch.zeros(len(state) * state.vocabulary.num_objects)
        gain[standing.offers.groups] = standing.gain
        slots = answers.offers.slots
        return (gain[group_of(state, answers.offers.rows[:, None], slots.clamp(min=0))] * (slots >= 0)).sum(dim=1)

    def _standing(self, state: SearchState, own: Tensor, slots: Tensor) -> Offers:
        objects = unknown(state, boxes_of(state, own, slots))
        return Offers.of_one(own, group_of(state, own, slots), slots, objects)

    def _splits(self, state: SearchState, own: Tensor, slots: Tensor) -> Offers:
        """One object becomes two that share its box."""
        ways = split_boxes(boxes_of(state, own, slots), self.bounds)                  # (P, S, 2, 4)
        count = ways.shape[1]
        pair = torch.stack([slots, torch.full_like(slots, FREE)], dim=1)
        return Offers(own.repeat_interleave(count), group_of(state, own, slots).repeat_interleave(count),
                      pair.repeat_interleave(count, dim=0), unknown(state, ways).flatten(0, 1))

    def _neighbours(self, state: SearchState, rows: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Objects (P,), (P,) and their pairs that nearly touch, as places among them, (Q,), (Q,)."""
        own, slots = present(state, rows)
        boxes = boxes_of(state, own, slots)
        a, b = boxes[:, None], boxes[None]
        gap = torch.maximum(a[..., :2], b[..., :2]) - torch.minimum(a[..., 2:], b[..., 2:])
        near = (gap <= round(NEIGHBOURS * (state.vocabulary.grid - 1))).all(dim=-1)
        return own, slots, *((own[:, None] == own) & near).triu(diagonal=1).nonzero(as_tuple=True)

    def _merges(self, state: SearchState, rows: Tensor) -> Offers:
        """One object covers two neighbours."""
        own, slots, first, second = self._neighbours(state, rows)
        boxes = boxes_of(state, own, slots)
        a, b = boxes[first], boxes[second]
        union = torch.cat([torch.minimum(a[:, :2], b[:, :2]), torch.maximum(a[:, 2:], b[:, 2:])], dim=1)
        fits = (union[:, 2:] - union[:, :2] <= self.bounds[1]).all(dim=1)
        first, second = first[fits], second[fits]
        covering = unknown(state, union[fits])
        gone = torch.full_like(covering, state.vocabulary.none)
        return Offers(own[first], group_of(state, own[first], slots[first]),
                      torch.stack([slots[first], slots[second]], dim=1), torch.stack([covering, gone], dim=1))

    def _yields(self, state: SearchState, rows: Tensor) -> Offers:
        """One object grows into a neighbour, which gives way."""
        own, slots, first, second = self._neighbours(state, rows)
        first, second = torch.cat([first, second]), torch.cat([second, first])
        boxes = boxes_of(state, own, slots)
        steps = [max(1, round(part * (state.vocabulary.grid - 1))) for part in self.settings.sides]
        ways, valid = give_way(boxes[first], boxes[second], steps, self.bounds)
        which, way = valid.nonzero(as_tuple=True)
        first, second = first[which], second[which]
        return Offers(own[first], group_of(state, own[first], slots[first]),
                      torch.stack([slots[first], slots[second]], dim=1), unknown(state, ways[which, way]))

    def _anchors(self, state: SearchState, own: Tensor, slots: Tensor) -> Offers:
        """One object goes to the best anchors that overlap it."""
        from mmdet.structures.bbox import bbox_overlaps  # not needed where layouts are not searched
        asked = torch.bincount(own, minlength=len(state))
        paid = state.pays(own, asked[own])
        own, slots = own[paid], slots[paid]
        if not len(own):
            return self._standing(state, own, slots)
        without = state.ids[own].clone()
        state.vocabulary.objects(without)[torch.arange(len(own)), slots] = state.vocabulary.none
        ranks = self.dictionary.ranks(state.posterior, state.images[own], without)    # (P, G)
        iou = bbox_overlaps(boxes_of(state, own, slots).float(), self.dictionary.boxes.float())
        ranks = ranks.masked_fill((iou <= FAR) | (iou > NEAR), -float('inf'))
        value, best = ranks.topk(min(self.settings.anchors, ranks.shape[1]), dim=1)
        which, place = value.isfinite().nonzero(as_tuple=True)
        objects = unknown(state, self.dictionary.boxes[best[which, place]])
        return Offers.of_one(own[which], group_of(state, own, slots)[which], slots[which], objects)

    def _sides(self, state: SearchState, own: Tensor, slots: Tensor) -> Offers:
        """One side of one object goes far."""
        spans = state.vocabulary.grid - 1
        moves = torch.cat([SIDE_MOVES * max(1, round(part * spans)) for part in self.settings.sides])
        offers = other_boxes(state, own, slots, moves.expand(len(own), -1, -1), self.bounds)
        offers.objects[:, 0, CLASS] = state.vocabulary.any_class
        return offers
