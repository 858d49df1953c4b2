"""A race of classes for every image, and the energies that it leaves behind."""
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from .halving import Rungs, best_of_groups, halving
from .meter import Meter
from .posterior import Posterior
from .trace import Trace


@dataclass(frozen=True)
class Race:
    """How classes are compared.

    Attributes:
        pairs: first pairs of the bank that each stage compares on, ascending (published: 25 of 250).
        keep: classes that each stage keeps, descending (published: 5 of 1,000); all of them where `decided` alone drops
            classes.
        decided: a class drops out when it is behind the best by more than so many standard errors of the paired
            difference, from four pairs on; where one is left, nothing more is asked. None leaves it to `keep`.
    """
    pairs: Sequence[int] = ()
    keep: Sequence[int] = ()
    decided: float | None = None

    def __post_init__(self):
        pairs, keep = list(self.pairs), list(self.keep)
        matched = len(pairs) == len(keep) or not keep and self.decided is not None
        narrow = pairs == sorted(set(pairs)) and keep == sorted(keep, reverse=True)
        if not matched or not narrow or min(pairs + keep, default=1) < 1:
            raise ValueError(f'Stages compare fewer and fewer classes on more and more pairs, got pairs={pairs} and '
                             f'keep={keep}: give as many of each, pairs ascending and keep descending.')
        if self.decided is not None and self.decided <= 0:
            raise ValueError(f'A class is decidedly behind by some standard errors, got decided={self.decided}: give a '
                             'positive number, or None.')

    @classmethod
    def of(cls, settings: Mapping) -> 'Race':
        """From what a config says of it; raises ValueError at an unknown key."""
        known = [part.name for part in fields(cls)]
        unknown = sorted(set(settings) - set(known))
        if unknown:
            raise ValueError(f'`model.inverter.race` has no setting `{unknown[0]}`: it has {", ".join(known)}.')
        return cls(**settings)

    def stages(self, num_pairs: int, num_classes: int) -> Rungs:
        """With the last stage, which compares on the whole bank, or on nothing more where one class alone is left."""
        last = self.pairs[-1] if self.keep and self.keep[-1] == 1 else num_pairs
        return Rungs([*self.pairs, last], self.keep or [num_classes] * len(self.pairs),
                     decided=math.inf if self.decided is None else self.decided)

    def nfe(self, num_pairs: int, num_classes: int) -> list[int]:
        """Evaluations that each stage costs at most."""
        rungs = self.stages(num_pairs, num_classes)
        alive, done = [num_classes, *rungs.keep], [0, *rungs.pairs]
        return [count * (now - before) for count, before, now in zip(alive, done, rungs.pairs)]

    def require_fit(self, num_pairs: int, num_classes: int) -> None:
        """Raises ValueError where there are fewer pairs or classes than the stages ask for."""
        if self.pairs and self.pairs[-1] > num_pairs:
            raise ValueError(f'A stage of {self.pairs[-1]} pairs does not fit a bank of {num_pairs}: give the '
                             'objective more pairs, or the stages fewer.')
        if self.keep and self.keep[0] > num_classes:
            raise ValueError(f'A stage cannot keep {self.keep[0]} of {num_classes} classes: lower `keep`.')


def race_classes(posterior: Posterior, meter: Meter, classes: Tensor, rungs: Rungs, trace: Trace) -> Tensor:
    """Energies of classes on the pairs that each was compared on; who was dropped earlier stands behind.

    Args:
        posterior: of N images.
        meter: asked before every stage; an image that cannot pay for one is answered by those before.
        classes: (N, M) that are compared.
        rungs: how they narrow.
        trace: what is best after every stage is noted there.

    Returns:
        (N, M).
    """
    images, ids = torch.arange(len(classes)).repeat_interleave(classes.shape[1]), classes.flatten()[:, None]
    prior = posterior.prior_energy(ids)

    def ask(index: Tensor, pairs: Tensor) -> Tensor:
        paid = meter.pays_for_each(images[index], len(pairs))
        values = torch.full((len(index), len(pairs)), math.nan)
        asked = index[paid]
        values[paid] = -(posterior.errors(images[asked], ids[asked], pairs) + prior[asked, None])
        return values
    energy, last = torch.empty(len(ids)), torch.empty(len(ids), dtype=torch.long)
    for rung, standing in enumerate(halving(ask, images, rungs)):
        index = standing.index
        energy[index], last[index] = -standing.value, rung
        best = index[best_of_groups(images[index], standing.value, 1) & standing.going]
        trace.add(images[best], ids[best], energy[best])
    return behind(energy, last, images).view(classes.shape)


def behind(energy: Tensor, last: Tensor, groups: Tensor) -> Tensor:
    """Energies in which who was dropped earlier stands behind all who were dropped later.

    Args:
        energy: (C,) where a candidate was compared last.
        last: (C,) that rung.
        groups: (C,) which group each candidate belongs to, 0, 1, ...

    Returns:
        (C,): those of a rung keep their distances from each other, the best of them right above the worst of the later
        ones of its group.
    """
    energy, worst = energy.clone(), torch.full((int(groups.max()) + 1,), -math.inf)
    for rung in last.unique().flip(0):
        mine = (last == rung).nonzero()[:, 0]
        group = groups[mine]
        first = torch.full_like(worst, math.inf).scatter_reduce(0, group, energy[mine], 'amin')
        above = worst[group].nextafter(torch.tensor(math.inf)) + (energy[mine] - first[group])
        energy[mine] = torch.where(worst[group].isfinite(), above, energy[mine])
        worst = worst.scatter_reduce(0, group, energy[mine], 'amax')
    return energy
