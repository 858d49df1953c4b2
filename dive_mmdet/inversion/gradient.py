"""The published inversion: gradient descent on a continuous condition, projected to the table."""
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from dive_mmdet.registry import MODELS
from dive_mmdet.structures import Inversion

from .evidence import conclude, conclusion_nfe
from .posterior import Posterior
from .space import ConditionSpace, space_of
from .stopping import Stopping
from .trace import Trace

Callback = Callable[[Mapping[str, Tensor]], None]


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
        candidates: classes that are monitored besides the projected one, where a condition is a class: those that the
            gradients of the loop promise most, to first order. v moves to one that is better than the projected one
            (published: 0).
        patience: an image is finished when as many loops have met no condition that was not met before (published:
            never, None).
        max_nfe: evaluations an image may cost, with the evidence of as many objects as a layout may have; no loop
            begins that could exceed it (published: None).

    Raises (when inverting):
        ValueError: a budget smaller than one loop, or candidates among layouts or more than there are classes.
    """

    def __init__(self, distance: str = 'l2', loops: int = 20, pairs_per_step: int = 25, lr: float = 1e-2,
                 weight_decay: float = 0.01, starts: int = 1, seed: int = 0, candidates: int = 0,
                 patience: int | None = None, max_nfe: int | None = None):
        self.distance, self.loops, self.pairs_per_step = distance, loops, pairs_per_step
        self.lr, self.weight_decay, self.starts, self.seed = lr, weight_decay, starts, seed
        self.candidates, self.patience, self.max_nfe = candidates, patience, max_nfe

    def invert(self, posterior: Posterior, start: Tensor | None = None, callback: Callback | None = None) -> Inversion:
        """Invert N images from `starts` random conditions each.

        Args:
            posterior: of the images.
            start: conditions to start from instead, (N x S, L, D), S for each image.
            callback: told of every step the `v` that it starts from, its `gradient` (both (B, L, D)) and `pairs` (Q,),
                and of every loop the `v` that it ends at, their projections `ids` (B, L) and `monitor` (B,); B is how
                many conditions go on.
        """
        self._require_fit(posterior)
        space, generator = space_of(posterior.generator, self.distance), torch.Generator().manual_seed(self.seed)
        if start is None:
            start = space.random(self.starts, generator).repeat(len(posterior), 1, 1)
        ids, trace = self._optimise(posterior, space, start, generator, callback or (lambda seen: None))
        return conclude(posterior, ids, trace)

    def _require_fit(self, posterior: Posterior) -> None:
        if self.candidates and posterior.vocabulary.has_objects:
            raise ValueError('Candidates are classes, and these conditions are layouts: set candidates=0.')
        if self.candidates > posterior.vocabulary.num_classes:
            raise ValueError(f'There are {posterior.vocabulary.num_classes} classes and not the {self.candidates} '
                             'candidates of every loop: lower `candidates`.')

    def _final_nfe(self, posterior: Posterior) -> int:
        """Evaluations that the answer may cost after the last loop."""
        if posterior.vocabulary.has_objects:
            return int(conclusion_nfe(posterior, torch.tensor(posterior.vocabulary.num_objects)))
        return posterior.num_pairs if self.distance == 'continuous' else 0

    def _optimise(self, posterior: Posterior, space: ConditionSpace, v: Tensor,
                  generator: torch.Generator, callback: Callback) -> tuple[Tensor, Trace]:
        """Best ids (N, L) from start vectors (N x S, L, D), and how they came."""
        count, trace = len(v) // len(posterior), Trace(posterior)
        images = torch.arange(len(posterior)).repeat_interleave(count)
        stopping = Stopping(posterior, images, count * (4 + self.candidates) * posterior.num_pairs,
                            self._final_nfe(posterior), self.patience, self.max_nfe)
        best_energy = torch.full((len(v),), float('inf'))
        best_ids = space.nearest(v).cpu()
        order = torch.arange(posterior.num_pairs)
        v = torch.nn.Parameter(v.detach().clone())
        optimizer = torch.optim.AdamW([v], lr=self.lr, weight_decay=self.weight_decay)
        for _ in range(self.loops):
            going = stopping.going()
            if not len(going):
                break
            order = order[torch.randperm(len(order), generator=generator)]
            promise = 0.0
            for pairs in order.split(self.pairs_per_step):
                here = v.detach()[going]
                # Straight-through, so that of the projected rows is that of v.
                gradient = posterior.gradient(images[going], space.project(here)[1], pairs)
                callback(dict(v=here, gradient=gradient, pairs=pairs))
                if self.candidates:
                    promise += len(pairs) * self._promise(space, gradient, here)
                v.grad = torch.zeros_like(v)
                v.grad[going] = gradient
                optimizer.step()
            here = v.detach()[going]
            monitor, ids = self._monitor(posterior, space, here, images[going])
            callback(dict(v=here, ids=ids, monitor=monitor))
            if self.candidates:
                monitor, ids = self._jump(posterior, space, v, going, promise, monitor, ids)
            stopping.note(going, ids)
            better = monitor < best_energy[going]
            best_energy[going[better]], best_ids[going[better]] = monitor[better], ids[better]
            leader = best_energy.view(-1, count).argmin(dim=1) + torch.arange(len(posterior)) * count
            moved = leader[images[going].unique()]
            trace.add(images[moved], best_ids[moved], best_energy[moved])
        return best_ids[leader], trace

    def _monitor(self, posterior: Posterior, space: ConditionSpace, v: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        ids = space.nearest(v).cpu()
        if self.distance != 'continuous':
            return posterior.energy(images, ids), ids
        return posterior.continuous_energy(images, v), ids

    def _promise(self, space: ConditionSpace, gradient: Tensor, v: Tensor) -> Tensor:
        """What each class would change, to first order: gradient x (its row - the row here), (B, C) on the CPU."""
        here = space.project(v)[1]
        rows = space.rows(space.vocabulary.class_ids[:, None]).flatten(1)             # (C, S D)
        return (gradient.flatten(1) @ rows.T - (gradient * here).sum(dim=(1, 2))[:, None]).cpu()

    def _jump(self, posterior: Posterior, space: ConditionSpace, v: Tensor, going: Tensor, promise: Tensor,
              monitor: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Monitor and ids (B'), (B', 1) after the best promises were looked at; v moves where one is better."""
        classes = promise.topk(self.candidates, dim=1, largest=False).indices         # (B', M)
        images = going // (len(v) // len(posterior))
        energies = posterior.energy(images.repeat_interleave(self.candidates), classes.flatten()[:, None])
        energy, first = energies.view(classes.shape).min(dim=1)
        better = energy < monitor
        found = classes.gather(1, first[:, None])
        v.data[going[better]] = space.rows(found[better])
        return torch.where(better, energy, monitor), torch.where(better[:, None], found, ids)
