"""Plain data that travels between floors."""
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Inversion:
    """What inverting a batch of N images found.

    Attributes:
        ids: (N, L) token ids of the best layout of each image.
        energy: (N,) its energy on the whole bank, likelihood + weight x prior.
        evidence: (N, K) by how much the energy rises when an object is replaced by none; 0 for absent objects.
        class_evidence: (N, K, M) the same for an object of each class in its box; 0 for absent objects.
        nfe: (N,) network function evaluations spent on each image; a backward counts as two.
        trace: for each image the course of its search, (nfe, energy, ids) in order of time.
    """
    ids: Tensor
    energy: Tensor
    evidence: Tensor
    class_evidence: Tensor
    nfe: Tensor
    trace: list[list[tuple[int, float, list[int]]]] = field(default_factory=list)

    def per_image(self) -> list[dict]:
        """What was found for each image, as plain data: `ids`, `energy`, `evidence`, `class_evidence` and `trace`."""
        names = ('ids', 'energy', 'evidence', 'class_evidence')
        values = zip(*(getattr(self, name).tolist() for name in names))
        return [dict(zip(names, found), trace=self.trace[index] if self.trace else [])
                for index, found in enumerate(values)]

    @classmethod
    def from_plain(cls, found: dict) -> 'Inversion':
        """One image's, from what `per_image` wrote."""
        names = ('ids', 'energy', 'evidence', 'class_evidence')
        return cls(nfe=torch.zeros(1), trace=[found['trace']], **{name: torch.tensor([found[name]]) for name in names})
