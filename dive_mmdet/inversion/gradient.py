"""The published inversion: gradient descent on a continuous condition, projected to the table."""
import torch
from torch import Tensor

from dive_mmdet.registry import MODELS
from dive_mmdet.structures import Inversion

from .evidence import conclude
from .posterior import Posterior
from .space import ConditionSpace
from .trace import Trace


@MODELS.register_module()
class GradientInverter:
    """AdamW on v through a straight-through projection (paper, section 3; original classification script).

    A loop shuffles the pairs of the bank and takes one step a batch of them; after every loop the monitor, the energy
    on the whole bank of the projected condition, is taken and the lowest is kept. Images and starts run in one batch:
    AdamW works element by element, so no item sees another.

    Args:
        distance: `l2`, `cosine` or `continuous`, see `ConditionSpace`.
        loops: passes over the bank (20).
        pairs_per_step: pairs of one step (25).
        lr, weight_decay: of AdamW (1e-2, 0.01).
        starts: random starts an image; the one with the lowest monitor wins.
        seed: of starts and shuffles, the same for all images.
    """

    def __init__(self, distance: str = 'l2', loops: int = 20, pairs_per_step: int = 25, lr: float = 1e-2,
                 weight_decay: float = 0.01, starts: int = 1, seed: int = 0):
        self.distance, self.loops, self.pairs_per_step = distance, loops, pairs_per_step
        self.lr, self.weight_decay, self.starts, self.seed = lr, weight_decay, starts, seed

    def invert(self, posterior: Posterior) -> Inversion:
        """Invert N images from `starts` random conditions each."""
        trace = Trace(posterior)
        space = self._space(posterior)
        generator = torch.Generator().manual_seed(self.seed)
        v = space.random(self.starts, generator)
        ids = self._optimise(posterior, space, v.repeat(len(posterior), 1, 1), generator, trace)
        return conclude(posterior, ids, trace)

    def descend(self, posterior: Posterior, ids: Tensor, trace: Trace) -> Tensor:
        """Go on from given layouts, (N, L) -> (N, L); a layout that only gets worse is returned unchanged."""
        space = self._space(posterior)
        generator = torch.Generator().manual_seed(self.seed)
        found = self._optimise(posterior, space, space.table[ids.to(space.table.device)].clone(), generator, trace)
        images = torch.arange(len(posterior))
        better = posterior.energy(images, found) < posterior.energy(images, ids)
        return torch.where(better[:, None], found, ids)

    def _space(self, posterior: Posterior) -> ConditionSpace:
        return ConditionSpace(posterior.vocabulary, posterior.generator.table.weight, self.distance)

    def _optimise(self, posterior: Posterior, space: ConditionSpace, v: Tensor,
                  generator: torch.Generator, trace: Trace) -> Tensor:
        """Best ids (N, L) from start vectors (N x starts, L, D)."""
        count = len(v) // len(posterior)
        images = torch.arange(len(posterior)).repeat_interleave(count)
        best_energy = torch.full((len(v),), float('inf'))
        best_ids = space.nearest(v).cpu()
        order = torch.arange(posterior.num_pairs)
        v = torch.nn.Parameter(v.detach().clone())
        optimizer = torch.optim.AdamW([v], lr=self.lr, weight_decay=self.weight_decay)
        for _ in range(self.loops):
            order = order[torch.randperm(len(order), generator=generator)]
            for pairs in order.split(self.pairs_per_step):
                optimizer.zero_grad()
                v.grad = self._gradient(posterior, space, v.detach(), images, pairs)
                optimizer.step()
            monitor, ids = self._monitor(posterior, space, v.detach(), images)
            better = monitor < best_energy
            best_energy = torch.where(better, monitor, best_energy)
            best_ids[better] = ids[better]
            leader = best_energy.view(-1, count).argmin(dim=1) + torch.arange(len(posterior)) * count
            trace.add(images[leader], best_ids[leader], best_energy[leader])
        return best_ids[leader]

    def _gradient(self, posterior: Posterior, space: ConditionSpace, v: Tensor, images: Tensor,
                  pairs: Tensor) -> Tensor:
        """Of the summed loss, (B, L, D): straight-through, so that of the projected rows is that of v."""
        return posterior.gradient(images, space.project(v)[1], pairs)

    def _monitor(self, posterior: Posterior, space: ConditionSpace, v: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        ids = space.nearest(v).cpu()
        if self.distance != 'continuous':
            return posterior.energy(images, ids), ids
        return posterior.continuous_energy(images, v), ids
