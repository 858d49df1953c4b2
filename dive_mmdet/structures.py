"""Plain data that travels between floors."""
from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class Inversion:
    """What inverting a batch of N images found.

    Attributes:
        ids: (N, L) token ids of the best layout of each image.
        energy: (N,) its energy on the whole bank, likelihood + weight x prior.
        evidence: (N, K) by how much the energy rises when an object is replaced by none; 0 for absent objects.
        margin: (N, K) by how much it rises when an object's class is replaced by the best other one; 0 for absent
            objects, infinite with a single class.
        nfe: (N,) network function evaluations spent on each image; a backward counts as two.
        trace: for each image the course of its search, (nfe, energy, ids) in order of time.
    """
    ids: Tensor
    energy: Tensor
    evidence: Tensor
    margin: Tensor
    nfe: Tensor
    trace: list[list[tuple[int, float, list[int]]]] = field(default_factory=list)

    def per_image(self) -> list[dict]:
        """What was found for each image, as plain data: `ids`, `energy`, `evidence`, `margin` and `trace`."""
        values = zip(self.ids.tolist(), self.energy.tolist(), self.evidence.tolist(), self.margin.tolist())
        return [dict(ids=ids, energy=energy, evidence=evidence, margin=margin,
                     trace=self.trace[index] if self.trace else [])
                for index, (ids, energy, evidence, margin) in enumerate(values)]
