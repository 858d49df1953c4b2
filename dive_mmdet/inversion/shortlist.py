"""Few classes out of many: one gradient ranks them all, energies decide among the best."""
import torch
from torch import Tensor

from dive_mmdet.registry import MODELS

from .dictionary import Dictionary
from .enumeration import AdaptiveEnumeration
from .posterior import Posterior


class ExpectedImages:
    """What the generator expects of each class before it sees any image, made once for all images.

    Args:
        posterior: whose generator is asked; its images are not looked at.
    """

    def __init__(self, posterior: Posterior):
        self.key = Dictionary.key_of(posterior)
        self.of_class = posterior.expectation(posterior.vocabulary.class_ids[:, None]).flatten(1)   # (C, c h w)
        self.nfe = len(self.of_class)


@MODELS.register_module()
class ShortlistInverter(AdaptiveEnumeration):
    """One gradient ranks all classes; the first of them race as in `AdaptiveEnumeration`.

    The gradient of the energy at the mean class row v predicts the energy of every class k up to a constant,

        E(k) = gradient . row_k + w expected |x - a_k|^2,

    a_k being what the generator expects of class k before it sees an image, and w what such a difference of x_0 weighs
    in the energy. |x - a_k|^2 is the error at the last timestep, where x_t holds nothing of the image x, so that one
    evaluation a class serves all images. Predictions choose what is asked, energies what is answered.

    Args:
        candidates: classes that race.
        race: how they are compared, the keys of `Race`.
        gradient_pairs: first pairs of the bank that the gradient is taken on; it costs three evaluations a pair.
        expected: weight of the error at the last timestep; 0 where nothing is to be expected from pure noise (latents,
            a generator that predicts epsilon).
        max_nfe: evaluations an image may cost; a stage that cannot be paid is not asked.

    Raises:
        ValueError: a race of nothing, stages that do not narrow, or (when inverting) a bank, a vocabulary or a budget
            that they do not fit.
    """

    def __init__(self, candidates: int, race: dict, gradient_pairs: int = 8, expected: float = 0.3,
                 max_nfe: float = float('inf')):
        super().__init__(race, max_nfe)
        if candidates < 1 or gradient_pairs < 1 or expected < 0:
            raise ValueError(f'Some classes race that a gradient ranks first, got candidates={candidates}, '
                             f'gradient_pairs={gradient_pairs} and expected={expected}: give positive numbers, the '
                             'weight at least 0.')
        self.candidates, self.gradient_pairs, self.expected = candidates, gradient_pairs, expected
        self.expected_images, self.shared_nfe = None, 0

    def predicted(self, posterior: Posterior) -> Tensor:
        """Energies of all classes, each image's up to a constant, (N, C)."""
        images, class_ids = torch.arange(len(posterior)), posterior.vocabulary.class_ids.to(posterior.latents.device)
        rows = posterior.generator.embed(class_ids[:, None]).detach()                               # (C, S, D)
        v = rows.mean(dim=0).expand(len(images), -1, -1)
        gradient = posterior.gradient(images, v, torch.arange(self.gradient_pairs)).flatten(1)      # (N, S D)
        rows = rows.flatten(1)
        if not self.expected:
            return gradient @ rows.T
        return gradient @ rows.T + self.expected * self._beyond(posterior)

    def _beyond(self, posterior: Posterior) -> Tensor:
        """Errors at the last timestep in the units of the energy, (N, C)."""
        if self.expected_images is None or self.expected_images.key != Dictionary.key_of(posterior):
            self.expected_images = ExpectedImages(posterior)
            self.shared_nfe += self.expected_images.nfe
        likelihood, of_class = posterior.likelihood, self.expected_images.of_class
        t = likelihood.bank.timesteps[:self.gradient_pairs]
        error_weight = posterior.generator.schedule.error_weight(t, 'sample')
        weight = (likelihood.weight[:self.gradient_pairs] / error_weight).mean() / of_class.shape[1]
        return weight * _squared_distances(posterior.latents.flatten(1), of_class)

    def _compared(self, posterior: Posterior) -> Tensor:
        """(N, M): the classes that the race compares."""
        return self.predicted(posterior).cpu().topk(self.candidates, dim=1, largest=False).indices

    def _nfe(self, num_pairs: int, num_classes: int) -> list[int]:
        first, *others = self.race.nfe(num_pairs, self.candidates)
        return [3 * self.gradient_pairs + first, *others]

    def _require_fit(self, num_pairs: int, num_classes: int) -> None:
        if self.candidates > num_classes or self.gradient_pairs > num_pairs:
            raise ValueError(f'{self.candidates} candidates of {num_classes} classes and a gradient on '
                             f'{self.gradient_pairs} of {num_pairs} pairs do not fit each other: lower what is larger '
                             'than what it is taken from.')
        super()._require_fit(num_pairs, self.candidates)


def _squared_distances(one: Tensor, other: Tensor) -> Tensor:
    """(N, D), (C, D) -> (N, C)."""
    return one.square().sum(dim=1, keepdim=True) - 2 * one @ other.T + other.square().sum(dim=1)
