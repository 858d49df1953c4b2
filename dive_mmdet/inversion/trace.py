"""The course of a search, to look at afterwards."""
from torch import Tensor

from .posterior import Posterior


class Trace:
    """For each image, (nfe, energy, ids) each time its layout was settled anew.

    Args:
        posterior: whose images are searched and whose evaluations are counted.
    """

    def __init__(self, posterior: Posterior):
        self.nfe = posterior.nfe
        self.courses: list[list[tuple[int, float, list[int]]]] = [[] for _ in range(len(posterior))]

    def add(self, images: Tensor, ids: Tensor, energy: Tensor) -> None:
        """Note the layouts (B, L) and energies (B,) that images (B,) have now."""
        for image, row, value in zip(images.tolist(), ids.tolist(), energy.tolist()):
            self.courses[image].append((int(self.nfe[image]), value, row))
