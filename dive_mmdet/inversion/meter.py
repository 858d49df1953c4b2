"""What a search may still ask about each image when judging its answer must be paid for."""
from collections.abc import Callable

import torch
from torch import Tensor

from .posterior import Posterior


class Meter:
    """Asked before evaluations are made; it counts what the posterior counts.

    Args:
        posterior: whose evaluations are limited from now on.
        max_nfe: evaluations that an image may cost from now on.
        judging: evaluations that judging layouts costs at most, by their numbers of objects, (B,) -> (B,); none where
            an answer needs no judging.

    Raises:
        ValueError: a budget that does not pay for looking at the empty layout and judging it.
    """

    def __init__(self, posterior: Posterior, max_nfe: float, judging: Callable[[Tensor], Tensor] = torch.zeros_like):
        self.nfe, self.judging = posterior.nfe, judging
        self.total = posterior.nfe + torch.full((len(posterior),), float(max_nfe), dtype=torch.double)     # (N,)
        least = int(judging(torch.zeros(1, dtype=torch.long)))
        if max_nfe < least:
            raise ValueError(f'A budget of max_nfe={max_nfe} does not pay for the empty layout, which costs {least} '
                             'evaluations: raise it, or shrink the bank.')

    def pays(self, images: Tensor, cost: Tensor | int, objects: Tensor | None = None) -> Tensor:
        """Whether evaluations can be made so that layouts of that many objects can be judged after, (B,) bool."""
        objects = torch.zeros_like(images) if objects is None else objects
        return self.nfe[images] + cost + self.judging(objects) <= self.total[images]

    def pays_for_each(self, images: Tensor, cost: int) -> Tensor:
        """Whether all that is asked of an image can be paid, so much for each item, (B,) -> (B,) bool."""
        return self.pays(images, cost * torch.bincount(images, minlength=len(self.nfe))[images])

    def judge(self) -> None:
        """Nothing is kept back from now on."""
        self.judging = torch.zeros_like
