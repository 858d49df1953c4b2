"""Plain data that travels between floors."""
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Inversion:
    """What inverting a batch of N images found.

    Attributes:
        ids: (N, L) token ids of the best condition of each image.
        energy: (N,) its energy on the whole bank, likelihood + weight x prior; of an enumeration that one class alone
            outlived, on the pairs that decided.
        nfe: (N,) network function evaluations spent on each image; a backward counts as two.
        trace: for each image the course of its search, (nfe, energy, ids) in order of time.
        evidence: of layouts, (N, K): by how much the energy rises when an object is replaced by none; 0 for absent
            objects.
        class_evidence: of layouts, (N, K, M): the same for an object of each class in its box; 0 for absent objects.
        class_energy: of classes, (N, C): energy of each class on the same pairs, inf for those not visited.
    """
    ids: Tensor
    energy: Tensor
    nfe: Tensor
    trace: list[list[tuple[int, float, list[int]]]] = field(default_factory=list)
    evidence: Tensor | None = None
    class_evidence: Tensor | None = None
    class_energy: Tensor | None = None

    def per_image(self) -> list[dict]:
        """What was found for each image, as plain data."""
        found = {name: getattr(self, name).tolist() for name in self._tensors()}
        return [dict({name: values[index] for name, values in found.items()},
                     trace=self.trace[index] if self.trace else []) for index in range(len(self.ids))]

    @classmethod
    def from_plain(cls, found: dict) -> 'Inversion':
        """One image's, from what `per_image` wrote."""
        tensors = {name: torch.tensor([value]) for name, value in found.items() if name != 'trace'}
        return cls(**dict(dict(nfe=torch.zeros(1)), **tensors), trace=[found['trace']])

    def _tensors(self) -> list[str]:
        names = ('ids', 'energy', 'evidence', 'class_evidence', 'class_energy')
        return [name for name in names if getattr(self, name) is not None]
