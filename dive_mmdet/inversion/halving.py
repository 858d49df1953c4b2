"""Successive halving: all candidates are compared on few pairs of the bank, and the best of them on more."""
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rungs:
    """How a race narrows.

    Attributes:
        pairs: first pairs of the bank that candidates are compared on, ascending.
        keep: so many of a group go on from a rung to the next: one number, or a number less than rungs of them.
        least: and those alone whose value is above,
        doubt: or might be, by so many standard errors of it.
    """
    pairs: Sequence[int]
    keep: Sequence[int] | int = 1
    least: float = -float('inf')
    doubt: float = 0.0


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
    def value(self) -> Tensor:
        """Mean over the pairs that a candidate was asked on, (S,)."""
        unknown = self.by_pair.isnan()
        return self.by_pair.masked_fill(unknown, 0).sum(dim=1) / (~unknown).sum(dim=1)

    @property
    def going(self) -> Tensor:
        """Whose group has not ended, (S,) bool."""
        return ~self.by_pair[:, -1:].isnan().any(dim=1)

    def at(self, which: Tensor) -> 'Standing':
        """Those of a mask."""
        return Standing(self.index[which], self.by_pair[which])


def halving(ask: Callable[[Tensor, Tensor], Tensor], groups: Tensor, rungs: Rungs,
            known: Tensor | None = None) -> Iterator[Standing]:
    """Race candidates of several groups side by side; the higher a value, the better.

    Args:
        ask: called with S candidates (S,) and pairs (Q,) that they were not asked on before -> values (S, Q); nan for
            all of a group that cannot be asked any more, which ends where it stands.
        groups: (C,) which group each candidate belongs to.
        rungs: how it narrows.
        known: (C, Q) values on the first pairs, if some are known; none by default.

    Yields:
        A `Standing` after every rung.
    """
    standing = Standing(torch.arange(len(groups)), torch.zeros(len(groups), 0) if known is None else known)
    keeps = [rungs.keep] * (len(rungs.pairs) - 1) if isinstance(rungs.keep, int) else rungs.keep
    for rung, keep in zip(rungs.pairs, [None, *keeps]):
        if keep is not None:
            best = best_of_groups(groups[standing.index], standing.value, keep)
            standing = standing.at(best & (_at_most(standing, rungs.doubt) > rungs.least))
        standing = _asked(ask, standing, rung)
        yield standing


def _at_most(standing: Standing, doubt: float) -> Tensor:
    """Values with so many standard errors of these means added, (S,)."""
    count = standing.by_pair.shape[1]
    if not doubt or count < 2:
        return standing.value
    return standing.value + doubt * standing.by_pair.std(dim=1).nan_to_num(nan=0.0) / count ** 0.5


def _asked(ask: Callable[[Tensor, Tensor], Tensor], standing: Standing, rung: int) -> Standing:
    pairs, going = torch.arange(standing.by_pair.shape[1], rung), standing.going
    more = torch.full((len(going), len(pairs)), float('nan'))
    more[going] = ask(standing.index[going], pairs)
    return Standing(standing.index, torch.cat([standing.by_pair, more], dim=1))


def best_of_groups(groups: Tensor, value: Tensor, count: int) -> Tensor:
    """Which are among the `count` of the highest value of their group, (O,), (O,) -> (O,) bool."""
    order = value.argsort(descending=True, stable=True)
    order = order[groups[order].argsort(stable=True)]
    ordered = groups[order].contiguous()
    kept = torch.zeros(len(groups), dtype=torch.bool)
    kept[order] = torch.arange(len(order)) - torch.searchsorted(ordered, ordered) < count
    return kept
