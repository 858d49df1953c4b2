"""How much a search may ask about each image when judging the answer must still be paid for."""
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from .evidence import conclusion_nfe
from .posterior import Posterior


class Budget:
    """Limits the evaluations of a search for layouts.

    Args:
        posterior: that is searched; its images are limited from now on.
        final: that judges the answer, the same one or that of a larger bank.
        max_nfe: evaluations that an image may cost from now on.

    Raises:
        ValueError: a budget that does not pay for the empty layout.
    """

    def __init__(self, posterior: Posterior, final: Posterior, max_nfe: float):
        self.posterior, self.final = posterior, final
        self.total = posterior.nfe + torch.full_like(posterior.limit, max_nfe)        # (N,)
        least = posterior.num_pairs + int(self._kept_back(torch.zeros(1, dtype=torch.long)))
        if max_nfe < least:
            raise ValueError(f'A budget of max_nfe={max_nfe} does not pay for the empty layout, which costs {least} '
                             'evaluations: raise it, or shrink the bank.')

    def for_another_object(self, images: Tensor, ids: Tensor) -> None:
        """Limit images to what leaves enough for judging layouts with an object more, (B,), (B, L)."""
        objects = (self._objects(ids) + 1).clamp(max=self.posterior.vocabulary.num_objects)
        self.posterior.limit[images] = self.total[images] - self._kept_back(objects)

    def for_the_last_word(self, ids: Tensor) -> None:
        """Limit all images to what leaves enough for judging layouts whose own energies are asked for first, (N, L)."""
        self.posterior.limit[:] = self.total - self._kept_back(self._objects(ids)) + self.final.num_pairs

    def pays_for(self, images: Tensor, ids: Tensor) -> Tensor:
        """Whether judging layouts is paid for, (B,), (B, L) -> (B,) bool."""
        return self.posterior.nfe[images] + self._kept_back(self._objects(ids)) <= self.total[images]

    def exhausted(self, images: Tensor) -> Tensor:
        """Whether nothing new may be asked about images, (B,) -> (B,) bool."""
        return self.posterior.nfe[images] >= self.posterior.limit[images]

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """What is asked here is not limited and not charged."""
        before, limit = self.posterior.nfe.clone(), self.posterior.limit.clone()
        self.posterior.limit[:] = float('inf')
        yield
        spent = self.posterior.nfe - before
        self.total += spent
        self.posterior.limit[:] = limit + spent

    def _objects(self, ids: Tensor) -> Tensor:
        return self.posterior.vocabulary.is_present(ids).sum(dim=1)

    def _kept_back(self, objects: Tensor) -> Tensor:
        """What judging layouts with that many objects costs, and their energy in the trace, (B,) -> (B,)."""
        noted = 0 if self.final is self.posterior else self.posterior.num_pairs
        return conclusion_nfe(self.final, objects) + noted
