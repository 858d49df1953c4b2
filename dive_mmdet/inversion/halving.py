"""Successive halving: all candidates are compared on few pairs of the bank, and the best of them on more."""
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

MIN_PAIRS = 4  # fewer differences say little about their own spread


@dataclass(frozen=True)
class Rungs:
    """How a race narrows.

    Attributes:
        pairs: first pairs of the bank that candidates are compared on, ascending.
        keep: so many of a group go on from a rung to the next: one number, or a number less than rungs of them.
        least: and those alone whose value is above,
        doubt: or might be, by so many standard errors of it.
        decided: who is behind the best of its group by more than so many standard errors of their paired difference
            drops out, and a group ends where one is left of it.
    """
    pairs: Sequence[int]
    keep: Sequence[int] | int = 1
    least: float = -math.inf
    doubt: float = 0.0
    decided: float = math.inf


@dataclass(frozen=True)
class Standing:
    """Where a race stands after a rung.

    Attributes:
        index: (S,) candidates that are left, in the order in which they were given.
        by_pair: (S, Q) their values on all pairs so far, nan where their group had ended.
    """
    index: Tensor
    by_pair: Tensor

    @property
    def pairs(self) -> Tensor:
        """On how many each was compared, (S,)."""
        return (~self.by_pair.isnan()).sum(dim=1)

    @property
    def value(self) -> Tensor:
        """Mean over those, (S,)."""
        return self.by_pair.masked_fill(self.by_pair.isnan(), 0).sum(dim=1) / self.pairs

    @property
    def going(self) -> Tensor:
        """Whose group has not ended, (S,) bool."""
        return self.pairs == self.by_pair.shape[1]

    def at(self, which: Tensor) -> 'Standing':
        """Those of a mask."""
        return Standing(self.index[which], self.by_pair[which])


def halving(ask: Callable[[Tensor, Tensor], Tensor], groups: Tensor, rungs: Rungs) -> Iterator[Standing]:
    """Race candidates of several groups side by side; the higher a value, the better.

    Args:
        ask: called with S candidates (S,) and pairs (Q,) that they were not asked on before -> values (S, Q); nan for
            all of a group that cannot be asked any more, which ends where it stands.
        groups: (C,) which group each candidate belongs to, 0, 1, ...
        rungs: how it narrows.

    Yields:
        A `Standing` after every rung.
    """
    standing = Standing(torch.arange(len(groups)), torch.zeros(len(groups), 0))
    keeps = [rungs.keep] * (len(rungs.pairs) - 1) if isinstance(rungs.keep, int) else rungs.keep
    for rung, keep in zip(rungs.pairs, [None, *keeps]):
        if keep is not None:
            group = groups[standing.index]
            stays = best_of_groups(group, standing.value, keep) & (_at_most(standing, rungs.doubt) > rungs.least)
            standing = standing.at(stays & ~_decidedly_behind(standing, group, rungs.decided))
        going = standing.going
        if keep is not None and math.isfinite(rungs.decided):
            going &= _several(groups[standing.index])
        pairs = torch.arange(standing.by_pair.shape[1], rung)
        more = torch.full((len(going), len(pairs)), math.nan)
        more[going] = ask(standing.index[going], pairs)
        standing = Standing(standing.index, torch.cat([standing.by_pair, more], dim=1))
        yield standing


def _at_most(standing: Standing, doubt: float) -> Tensor:
    """Values with so many standard errors of these means added, (S,)."""
    count = standing.by_pair.shape[1]
    if not doubt or count < 2:
        return standing.value
    return standing.value + doubt * standing.by_pair.std(dim=1).nan_to_num(nan=0.0) / count ** 0.5


def _decidedly_behind(standing: Standing, group: Tensor, decided: float) -> Tensor:
    """Whose distance from the best of its group, (S,), is more than so many standard errors of it, (S,) bool."""
    count, going = standing.by_pair.shape[1], standing.going
    behind = torch.zeros_like(going)
    if not math.isfinite(decided) or count < MIN_PAIRS or not bool(going.any()):
        return behind
    best = best_of_groups(group, standing.value, 1).nonzero()[:, 0]
    leader = torch.zeros(int(group.max()) + 1, dtype=torch.long).index_copy(0, group[best], best)[group]
    difference = (standing.by_pair[leader] - standing.by_pair)[going]                 # (S', Q)
    behind[going] = difference.mean(dim=1) > decided * difference.std(dim=1) / count ** 0.5
    return behind


def _several(group: Tensor) -> Tensor:
    """Who is not alone in its group, (S,) -> (S,) bool."""
    _, place, count = group.unique(return_inverse=True, return_counts=True)
    return count[place] > 1


def best_of_groups(groups: Tensor, value: Tensor, count: int) -> Tensor:
    """Which are among the `count` of the highest value of their group, (O,), (O,) -> (O,) bool."""
    order = value.argsort(descending=True, stable=True)
    order = order[groups[order].argsort(stable=True)]
    ordered = groups[order].contiguous()
    kept = torch.zeros(len(groups), dtype=torch.bool)
    kept[order] = torch.arange(len(order)) - torch.searchsorted(ordered, ordered) < count
    return kept

