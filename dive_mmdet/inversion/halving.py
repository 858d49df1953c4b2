"""Successive halving: all candidates are compared on few pairs of the bank, and the best of them on more."""
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rungs:
    """How a race narrows.

    Attributes:
        pairs: first pairs of the bank that candidates are compared on, ascending.
        keep: so many of a group go on from a rung to the next; a number less than rungs.
        least: and those alone whose value is above.
        decided: and those alone that are not decidedly behind the best of their group: by more than so many standard
            errors of the paired difference. Then a group ends where one is left of it. Off by default.
        min_pairs: pairs from which on that is asked; few differences say little about their own spread.
    """
    pairs: Sequence[int]
    keep: Sequence[int]
    least: float = -math.inf
    decided: float = math.inf
    min_pairs: int = 4


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
    for rung, keep in zip(rungs.pairs, [None, *rungs.keep]):
        going = standing.going
        if keep is not None:
            stays = best_of_groups(groups[standing.index], standing.value, keep) & (standing.value > rungs.least)
            stays &= ~decidedly_behind(standing, groups[standing.index], rungs)
            standing, going = standing.at(stays), going[stays]
            if math.isfinite(rungs.decided):
                _, mine, left = groups[standing.index].unique(return_inverse=True, return_counts=True)
                going &= left[mine] > 1
        pairs = torch.arange(standing.by_pair.shape[1], rung)
        more = torch.full((len(going), len(pairs)), math.nan)
        more[going] = ask(standing.index[going], pairs)
        standing = Standing(standing.index, torch.cat([standing.by_pair, more], dim=1))
        yield standing


def decidedly_behind(standing: Standing, group: Tensor, rungs: Rungs) -> Tensor:
    """Whose distance from the best of its group, (S,), is `decided` of its standard errors or more, (S,) bool.

    The standard error is that of a mean of paired differences, from their spread over the pairs.
    """
    behind = torch.zeros(len(group), dtype=torch.bool)
    enough = (standing.pairs >= max(2, rungs.min_pairs)) & standing.going
    if not math.isfinite(rungs.decided) or not bool(enough.any()):
        return behind
    best = best_of_groups(group, standing.value, 1).nonzero()[:, 0]
    leader = torch.zeros(int(group.max()) + 1, dtype=torch.long).index_copy(0, group[best], best)[group]
    difference = (standing.by_pair[leader] - standing.by_pair)[enough]                # (S', Q)
    error = difference.std(dim=1) / difference.shape[1] ** 0.5
    behind[enough] = difference.mean(dim=1) > rungs.decided * error
    return behind


def best_of_groups(groups: Tensor, value: Tensor, count: int) -> Tensor:
    """Which are among the `count` of the highest value of their group, (O,), (O,) -> (O,) bool."""
    order = value.argsort(descending=True, stable=True)
    order = order[groups[order].argsort(stable=True)]
    ordered = groups[order].contiguous()
    kept = torch.zeros(len(groups), dtype=torch.bool)
    kept[order] = torch.arange(len(order)) - torch.searchsorted(ordered, ordered) < count
    return kept

