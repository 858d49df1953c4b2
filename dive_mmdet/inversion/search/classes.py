"""Moves of the classes of objects, all objects at once."""
import torch
from torch import Tensor

from .likely import LikelyClasses
from .objects import present
from .race import Rungs, best_of_groups, race
from .settings import Classes
from .state import UNKNOWN_COST, SearchState
from .take import take, try_out


class ChangeClasses:
    """Every object gets the class that gains most in its box.

    Args:
        rungs, keep: of the race between an object's classes.
        likely: which classes take part.
    """

    def __init__(self, rungs: tuple[int, ...], keep: int, likely: LikelyClasses):
        self.rungs, self.keep, self.likely = rungs, keep, likely

    def __call__(self, state: SearchState, rows: Tensor) -> Tensor:
        """(B,) bool: which rows changed; objects of unknown class that overlap get theirs in turns."""
        changed = torch.zeros(len(state), dtype=torch.bool)
        while len(rows):
            now = self._once(state, rows)
            changed |= now
            rows = rows[now[rows] & state.unknown[rows].any(dim=1)]
        return changed

    def _once(self, state: SearchState, rows: Tensor) -> Tensor:
        answers = race(state, self.likely.offers(state, *present(state, rows)), Rungs(self.rungs, self.keep))
        unknown = state.unknown[answers.offers.rows, answers.offers.slots[:, 0]]
        return take(state, answers, answers.worth(state) + UNKNOWN_COST * unknown)


class Reclassify:
    """The next best classes of every object, each tried with the box that suits it.

    Args:
        settings: of classes.
        likely: which classes take part.
        polish: of the boxes, called with a branch and its rows.
    """

    def __init__(self, settings: Classes, likely: LikelyClasses, polish):
        self.settings, self.likely, self.polish = settings, likely, polish

    def __call__(self, state: SearchState, rows: Tensor) -> Tensor:
        """(B,) bool: which rows changed."""
        changed = torch.zeros(len(state), dtype=torch.bool)
        if self.settings.beam < 1:
            return changed
        answers = race(state, self.likely.offers(state, *present(state, rows)), Rungs(self.settings.rungs[:1]))
        worth = answers.worth(state) + self.settings.reach
        for _ in range(self.settings.beam):
            best = best_of_groups(answers.offers.groups, worth, 1) & (worth > 0)
            if not bool(best.any()):
                break
            now = try_out(state, answers.at(best), worth[best], self.polish)
            changed |= now
            # What a changed layout would answer is not known; what was tried is not tried again.
            worth = worth.masked_fill(best | now[answers.offers.rows], -float('inf'))
        return changed
