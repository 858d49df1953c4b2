"""Energies of classes -> scores."""
import torch
from mmengine.model import BaseModule
from torch import Tensor

from dive_mmdet.registry import MODELS

TEMPERATURE = 1e-3  # energy difference by which one class is e times as probable as another
HALF_RANGE = 30.0  # exp(-2 x 30) and its neighbours are still numbers in float32


@MODELS.register_module()
class ClassHead(BaseModule):
    """A softmax over the classes that the search visited; the others share what is less than the least of those."""

    def scores(self, class_energy: Tensor) -> Tensor:
        """(N, C) energies, inf for classes that were not visited -> (N, C) scores that sum to 1.

        Every visited class has a higher score than every other one.
        """
        best = class_energy.amin(dim=1, keepdim=True)
        visited = class_energy.isfinite()
        logits = (best - class_energy) / TEMPERATURE
        # The far tail is compressed, so that ranks survive where probabilities would be 0.
        beyond = (-HALF_RANGE - logits).clamp(min=0).nan_to_num(posinf=0)
        logits = logits.clamp(min=-HALF_RANGE) - HALF_RANGE * beyond / (beyond + HALF_RANGE)
        least = logits.masked_fill(~visited, float('inf')).amin(dim=1, keepdim=True)
        return torch.where(visited, logits, least - 1.0).softmax(dim=1)
