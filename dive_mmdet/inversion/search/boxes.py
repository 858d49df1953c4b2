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
    """Sides out and in by given steps; of an object those that help together, or the best alone.

    Args:
        bounds: shortest and longest side in grid steps.
        sizes: steps in grid steps.
        rungs, keep: of the race between a side's steps.
        doubt: a step goes on if it gains, or might, by so many standard errors.
        axes: the two sides of an axis move together, in all combinations of steps, and race as one; a box that is too
            long at both ends, or stands beside its object, may lose by every step of a single side.
    """

    def __init__(self, bounds: tuple[int, int], sizes: tuple[int, ...], rungs: tuple[int, ...], doubt: float = 0.0,
                 keep: int = 1, axes: bool = False):
        self.bounds, self.rungs, self.groups = bounds, Rungs(rungs, keep, least=0.0, doubt=doubt), 2 if axes else 4
        self.moves = axis_moves(sizes) if axes else torch.cat([SIDE_MOVES * size for size in sizes])

    def __call__(self, state: SearchState, rows: Tensor) -> Tensor:
        """(B,) bool: which rows changed."""
        own, slots = present(state, rows)
        offers = other_boxes(state, own, slots, self.moves.expand(len(own), -1, -1), self.bounds)
        step = boxes_of_offers(state, offers) - boxes_of(state, offers.rows, offers.slots[:, 0])
        # Coordinates are x0, y0, x1, y1, so those of an axis leave the same remainder.
        sides = replace(offers, groups=self.groups * offers.groups + step.abs().argmax(dim=1) % self.groups)
        helpful = self._helpful(state, own, slots, race(state, sides, self.rungs))
        answers = race(state, other_boxes(state, own, slots, helpful, self.bounds), Rungs(self.rungs.pairs[-1:]))
        return take(state, answers, answers.worth(state))

    def _helpful(self, state: SearchState, own: Tensor, slots: Tensor, answers: Answers) -> Tensor:
        """Of every object the best steps of each side or axis that gain, together and the best alone, (P, 2, 4)."""
        helps = answers.at((answers.gain > 0) & best_of_groups(answers.offers.groups, answers.gain, 1))
        place = torch.searchsorted(group_of(state, own, slots), helps.offers.groups // self.groups)
        step = boxes_of_offers(state, helps.offers) - boxes_of(state, own, slots)[place]
        total = torch.zeros(len(own), 4, dtype=torch.long).index_add_(0, place, step)
        best = torch.zeros(len(own), self.groups).index_put_((place, helps.offers.groups % self.groups), helps.gain)
        alone = (best == best.amax(dim=1, keepdim=True)).repeat(1, 4 // self.groups)
        return torch.stack([total, total * alone], dim=1)


def axis_moves(sizes: tuple[int, ...]) -> Tensor:
    """Moves of the two sides of an axis by any of some steps, out or in, or none, (A, 4) as x0, y0, x1, y1."""
    steps = torch.tensor([0, *(sign * size for size in sizes for sign in (-1, 1))])
    both = torch.cartesian_prod(steps, steps)[1:]                                      # without (0, 0)
    still = torch.zeros_like(both)
    return torch.cat([torch.stack([both, still], dim=2).flatten(1), torch.stack([still, both], dim=2).flatten(1)])
