"""Successive halving: all candidates are compared on few pairs of the bank, and the best of them on more."""
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Standing:
    """Where a race stands after a rung.

    Attributes:
        index: (S,) candidates that were asked on it, in the order in which they were given.
        by_pair: (S, Q) their values on all pairs so far.
    """
    index: Tensor
    by_pair: Tensor

    @property
    def value(self) -> Tensor:
        """Mean over the pairs, (S,)."""
        return self.by_pair.mean(dim=1)


def halving(ask: Callable[[Tensor, Tensor], Tensor], groups: Tensor, rungs: Sequence[int], keep: int | Sequence[int],
            least: float = -float('inf')) -> Iterator[Standing]:
    """Race candidates of several groups side by side; the higher a value, the better.

    Args:
        ask: called with S candidates (S,) and pairs (Q,) that they were not asked on before -> values (S, Q).
        groups: (C,) which group each candidate belongs to.
        rungs: first pairs of the bank that candidates are compared on, ascending.
        keep: so many of a group go on from a rung to the next, or as many numbers as there are such steps.
        least: and those alone whose value is above.

    Yields:
        A `Standing` after every rung.
    """
    keep = [keep] * (len(rungs) - 1) if isinstance(keep, int) else keep
    index, by_pair = torch.arange(len(groups)), torch.zeros(len(groups), 0)
    for rung, stay in zip(rungs, [None, *keep]):
        if stay is not None:
            value = by_pair.mean(dim=1)
            goes_on = best_of_groups(groups[index], value, stay) & (value > least)
            index, by_pair = index[goes_on], by_pair[goes_on]
        by_pair = torch.cat([by_pair, ask(index, torch.arange(by_pair.shape[1], rung))], dim=1)
        yield Standing(index, by_pair)


def best_of_groups(groups: Tensor, value: Tensor, count: int) -> Tensor:
    """Which are among the `count` of the highest value of their group, (O,), (O,) -> (O,) bool."""
    order = value.argsort(descending=True, stable=True)
    order = order[groups[order].argsort(stable=True)]
    ordered = groups[order].contiguous()
    kept = torch.zeros(len(groups), dtype=torch.bool)
    kept[order] = torch.arange(len(order)) - torch.searchsorted(ordered, ordered) < count
    return kept
