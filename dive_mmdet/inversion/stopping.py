"""When an image has been searched enough."""
import torch
from torch import Tensor

from .posterior import Posterior


class Stopping:
    """Which items of an inversion go on, loop by loop.

    Args:
        posterior: whose evaluations are counted, from now on.
        images: (B,) the image of each item.
        loop_nfe: evaluations that a loop may cost an image.
        final_nfe: evaluations that the answer may cost an image.
        patience: loops without a new condition after which an image is finished; None never.
        max_nfe: evaluations an image may cost; None without limit.

    Raises:
        ValueError: a budget smaller than one loop.
    """

    def __init__(self, posterior: Posterior, images: Tensor, loop_nfe: int, final_nfe: int, patience: int | None,
                 max_nfe: int | None):
        if max_nfe is not None and max_nfe < loop_nfe + final_nfe:
            raise ValueError(f'A budget of max_nfe={max_nfe} is smaller than one loop, which costs '
                             f'{loop_nfe + final_nfe} evaluations: raise it, or shrink the bank.')
        self.posterior, self.images, self.patience, self.max_nfe = posterior, images, patience, max_nfe
        self.reserve, self.before = loop_nfe + final_nfe, posterior.nfe.clone()
        self.met: list[set] = [set() for _ in range(len(posterior))]
        self.idle = torch.zeros(len(posterior), dtype=torch.long)

    def going(self) -> Tensor:
        """Items of the images that go on, (B',)."""
        keep = torch.ones(len(self.idle), dtype=torch.bool)
        if self.patience is not None:
            keep &= self.idle < self.patience
        if self.max_nfe is not None:
            keep &= self.posterior.nfe - self.before + self.reserve <= self.max_nfe
        return keep[self.images].nonzero()[:, 0]

    def note(self, items: Tensor, ids: Tensor) -> None:
        """Where a loop ended, items (B',) and their ids (B', L)."""
        self.idle += 1
        for image, row in zip(self.images[items].tolist(), map(tuple, ids.tolist())):
            if row not in self.met[image]:
                self.met[image].add(row)
                self.idle[image] = 0
