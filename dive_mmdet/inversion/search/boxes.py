"""Moves of the sides of boxes, of all objects at once."""
from dataclasses import replace

import torch
from torch import Tensor

from dive_mmdet.inversion.moves import SIDE_MOVES
from dive_mmdet.inversion.slopes import side_slopes

from .objects import boxes_of, boxes_of_offers, group_of, other_boxes, present
from .race import Answers, Rungs, best_of_groups, race
from .state import SearchState
from .take import take


class StepSides:
    """The step of every side that a gradient recommends.

    Args:
        bounds: shortest and longest side in grid steps.
        longest: step in grid steps; powers of two up to it are tried.
        pairs: first pairs of the bank on which the gradient is taken.
        rungs, keep: of the race between an object's steps.
    """

    def __init__(self, bounds: tuple[int, int], longest: int, pairs: int, rungs: tuple[int, ...], keep: int):
        self.bounds, self.longest, self.pairs, self.rungs, self.keep = bounds, longest, pairs, rungs, keep

    def __call__(self, state: SearchState, rows: Tensor) -> Tensor:
        """(B,) bool: which rows changed."""
        rows = rows[(state.objects[rows] > 0) & state.pays(rows, 3 * self.pairs)]
        own, slots = present(state, rows)
        if not len(own):
            return torch.zeros(len(state), dtype=torch.bool)
        sizes = [2 ** power for power in range(self.longest.bit_length())]
        steps = torch.tensor([sign * size for size in sizes for sign in (-1, 1)])
        slopes = side_slopes(state.posterior, state.images[rows], state.ids[rows], self.pairs, steps)
        least, which = slopes[torch.searchsorted(rows, own), slots].min(dim=-1)       # (P, 4)
        best = torch.where(least < 0, steps[which], 0)
        rank = least.argsort(dim=1, stable=True).argsort(dim=1)
        moves = torch.stack([best, best.sign(), best * (rank < 1), best * (rank < 2)], dim=1)
        answers = race(state, other_boxes(state, own, slots, moves, self.bounds), Rungs(self.rungs, self.keep))
        return take(state, answers, answers.worth(state))


class MoveSides:
    """Single sides out and in by given steps; of an object those that help together, or the best alone.

    Args:
        bounds: shortest and longest side in grid steps.
        sizes: steps in grid steps.
        rungs: of the race between a side's steps; the best of a side goes on.
        doubt: if it gains, or might, by so many standard errors.
    """

    def __init__(self, bounds: tuple[int, int], sizes: tuple[int, ...], rungs: tuple[int, ...], doubt: float = 0.0):
        self.bounds, self.rungs = bounds, Rungs(rungs, least=0.0, doubt=doubt)
        self.moves = torch.cat([SIDE_MOVES * size for size in sizes])

    def __call__(self, state: SearchState, rows: Tensor) -> Tensor:
        """(B,) bool: which rows changed."""
        own, slots = present(state, rows)
        offers = other_boxes(state, own, slots, self.moves.expand(len(own), -1, -1), self.bounds)
        step = boxes_of_offers(state, offers) - boxes_of(state, offers.rows, offers.slots[:, 0])
        sides = replace(offers, groups=4 * offers.groups + step.abs().argmax(dim=1))
        helpful = self._helpful(state, own, slots, race(state, sides, self.rungs))
        answers = race(state, other_boxes(state, own, slots, helpful, self.bounds), Rungs(self.rungs.pairs[-1:]))
        return take(state, answers, answers.worth(state))

    def _helpful(self, state: SearchState, own: Tensor, slots: Tensor, answers: Answers) -> Tensor:
        """Of every object the best step of each side that gains, together and the best alone, (P, 2, 4)."""
        helps = answers.at((answers.gain > 0) & best_of_groups(answers.offers.groups, answers.gain, 1))
        place = torch.searchsorted(group_of(state, own, slots), helps.offers.groups // 4)
        step = boxes_of_offers(state, helps.offers) - boxes_of(state, own, slots)[place]          # one side of it not 0
        total = torch.zeros(len(own), 4, dtype=torch.long).index_add_(0, place, step)
        best = torch.zeros(len(own), 4).index_put_((place, helps.offers.groups % 4), helps.gain)
        return torch.stack([total, total * (best == best.amax(dim=1, keepdim=True))], dim=1)
