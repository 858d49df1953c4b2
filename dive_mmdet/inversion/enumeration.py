"""Diffusion Classifier: the energies of all classes, or of fewer and fewer of them on more and more pairs."""
import torch
from torch import Tensor

from dive_mmdet.registry import MODELS
from dive_mmdet.structures import Inversion

from .halving import Rungs, best_of_groups, halving
from .posterior import Posterior
from .trace import Trace


@MODELS.register_module()
class AdaptiveEnumeration:
    """Compares all classes on a part of the bank, keeps the best, and goes on with those (arXiv 2303.16203, section 3).

    All classes share one bank, and a stage's pairs are among the next one's, so nothing is computed twice; every
    prefix of a bank covers its timesteps. The whole bank decides among the last ones; where a stage leaves one alone,
    nothing is left to decide, and energies are those of its pairs.

    A dropped class ranks below every class kept, by its energy in the stage that dropped it; in
    `Inversion.class_energy` it stands that much above the worst kept one.

    Args:
        pairs: first pairs of the bank that each stage compares on, ascending (published: 25 of 250).
        keep: classes that each stage keeps, descending (published: 5 of 1,000).

    Raises:
        ValueError: stages that do not narrow, or (when inverting) a bank or a vocabulary that they do not fit.
    """

    def __init__(self, pairs: list[int], keep: list[int]):
        pairs, keep = list(pairs), list(keep)
        if len(pairs) != len(keep) or min(pairs + keep, default=1) < 1 or pairs != sorted(set(pairs)) \
                or keep != sorted(set(keep), reverse=True):
            raise ValueError(f'Stages compare fewer and fewer classes on more and more pairs, got pairs={pairs} and '
                             f'keep={keep}: give as many of each, pairs ascending and keep descending.')
        self.pairs, self.keep = pairs, keep

    def invert(self, posterior: Posterior) -> Inversion:
        """The class of the lowest energy of each of N images."""
        self._require_fit(posterior)
        trace, count = Trace(posterior), len(posterior)
        classes, known = self._start(posterior)
        images, classes = torch.arange(count).repeat_interleave(classes.shape[1]), classes.flatten()
        energy, last = torch.empty(len(classes)), torch.empty(len(classes), dtype=torch.long)

        def ask(index: Tensor, pairs: Tensor) -> Tensor:
            return -self._errors(posterior, images[index], classes[index], pairs)
        pairs, keep = zip(*self.stages(posterior.num_pairs))
        for rung, standing in enumerate(halving(ask, images, Rungs(pairs, keep[:-1]), known=known)):
            index = standing.index
            energy[index], last[index] = -standing.value, rung
            best = index[best_of_groups(images[index], standing.value, 1)]
            trace.add(images[best], classes[best, None], energy[best])
        by_class = torch.full((count, len(posterior.vocabulary.class_ids)), float('inf'))
        by_class[images, classes] = behind(energy, last, images)
        return Inversion(ids=by_class.argmin(dim=1, keepdim=True), energy=by_class.amin(dim=1),
                         nfe=posterior.nfe.clone(), trace=trace.courses, class_energy=by_class)

    def stages(self, num_pairs: int) -> list[tuple[int, int | None]]:
        """On how many pairs of a bank each stage compares and how many classes it keeps, None where it answers."""
        last = self.pairs[-1] if self.keep and self.keep[-1] == 1 else num_pairs
        return [*zip(self.pairs, self.keep), (last, None)]

    def _start(self, posterior: Posterior) -> tuple[Tensor, Tensor | None]:
        """(N, M): the classes that the first stage compares, and their values (N M, Q) on the pairs known already."""
        return posterior.vocabulary.class_ids.repeat(len(posterior), 1), None

    def _require_fit(self, posterior: Posterior) -> None:
        if posterior.vocabulary.has_objects:
            raise ValueError('Layouts are too many to enumerate: use LayoutInverter or GradientInverter.')
        if self.pairs and self.pairs[-1] > posterior.num_pairs:
            raise ValueError(f'A stage of {self.pairs[-1]} pairs does not fit a bank of {posterior.num_pairs}: give '
                             'the objective more pairs, or the stages fewer.')
        if self.keep and self.keep[0] > len(posterior.vocabulary.class_ids):
            raise ValueError(f'A stage cannot keep {self.keep[0]} of {len(posterior.vocabulary.class_ids)} classes: '
                             'lower `keep`.')

    @staticmethod
    def _errors(posterior: Posterior, images: Tensor, classes: Tensor, pairs: Tensor) -> Tensor:
        """(B,), (B,), (Q,) -> (B, Q), with the prior's energy, if there is one."""
        ids = classes[:, None]
        return posterior.errors(images, ids, pairs) + posterior.prior_energy(ids)[:, None]


@MODELS.register_module()
class ExhaustiveEnumeration(AdaptiveEnumeration):
    """The energies of all classes on the whole bank."""

    def __init__(self):
        super().__init__([], [])


def behind(energy: Tensor, last: Tensor, groups: Tensor) -> Tensor:
    """Energies in which who was dropped earlier stands behind all who were dropped later.

    Args:
        energy: (C,) where a candidate was compared last.
        last: (C,) that rung.
        groups: (C,) which group each candidate belongs to, 0, 1, ...

    Returns:
        (C,): those of a rung keep their distances from each other, the best of them right above the worst of the later
        ones of its group.
    """
    energy, worst = energy.clone(), torch.full((int(groups.max()) + 1,), -float('inf'))
    for rung in last.unique().flip(0):
        mine = (last == rung).nonzero()[:, 0]
        group = groups[mine]
        first = torch.full_like(worst, float('inf')).scatter_reduce(0, group, energy[mine], 'amin')
        after = worst[group].isfinite()
        above = worst[group].nextafter(torch.tensor(float('inf'))) + (energy[mine] - first[group])
        energy[mine] = torch.where(after, above, energy[mine])
        worst = worst.scatter_reduce(0, group, energy[mine], 'amax')
    return energy
