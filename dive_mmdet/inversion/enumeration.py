"""Diffusion Classifier: the energies of all classes, or of fewer and fewer of them on more and more pairs."""
import torch
from torch import Tensor

from dive_mmdet.registry import MODELS
from dive_mmdet.structures import Inversion

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
        trace, images = Trace(posterior), torch.arange(len(posterior))
        alive = self._start(posterior)
        dropped = []
        for count, keep in self.stages(posterior.num_pairs):
            energies, order = self._energies(posterior, alive, count).sort(dim=1, stable=True)
            alive = alive.gather(1, order)
            trace.add(images, alive[:, :1], energies[:, 0])
            if keep is not None:
                dropped.append((alive[:, keep:], energies[:, keep:]))
                alive = alive[:, :keep]
        by_class = torch.full((len(images), len(posterior.vocabulary.class_ids)), float('inf'))
        by_class.scatter_(1, alive, energies)
        worst = energies[:, -1:]
        for classes, behind in reversed(dropped):
            above = worst + (behind - behind[:, :1]) + torch.finfo(behind.dtype).eps
            by_class.scatter_(1, classes, above)
            worst = above[:, -1:] if above.shape[1] else worst
        return Inversion(ids=alive[:, :1], energy=energies[:, 0], nfe=posterior.nfe.clone(), trace=trace.courses,
                         class_energy=by_class)

    def stages(self, num_pairs: int) -> list[tuple[int, int | None]]:
        """On how many pairs of a bank each stage compares and how many classes it keeps, None where it answers."""
        last = self.pairs[-1] if self.keep and self.keep[-1] == 1 else num_pairs
        return [*zip(self.pairs, self.keep), (last, None)]

    def _start(self, posterior: Posterior) -> Tensor:
        """(N, M): the classes that the first stage compares."""
        return posterior.vocabulary.class_ids.repeat(len(posterior), 1)

    def _require_fit(self, posterior: Posterior) -> None:
        if posterior.vocabulary.has_objects:
            raise ValueError('Layouts are too many to enumerate: use ProposalInverter or GradientInverter.')
        if self.pairs and self.pairs[-1] > posterior.num_pairs:
            raise ValueError(f'A stage of {self.pairs[-1]} pairs does not fit a bank of {posterior.num_pairs}: give '
                             'the objective more pairs, or the stages fewer.')
        if self.keep and self.keep[0] > len(posterior.vocabulary.class_ids):
            raise ValueError(f'A stage cannot keep {self.keep[0]} of {len(posterior.vocabulary.class_ids)} classes: '
                             'lower `keep`.')

    @staticmethod
    def _energies(posterior: Posterior, classes: Tensor, count: int) -> Tensor:
        """(N, M) classes -> (N, M) energies on the first `count` pairs."""
        images = torch.arange(len(classes)).repeat_interleave(classes.shape[1])
        return posterior.energy(images, classes.flatten()[:, None], count).view(classes.shape)


@MODELS.register_module()
class ExhaustiveEnumeration(AdaptiveEnumeration):
    """The energies of all classes on the whole bank."""

    def __init__(self):
        super().__init__([], [])
