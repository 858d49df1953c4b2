"""Few classes out of many: one gradient ranks them all, energies decide among the best."""
import torch
from torch import Tensor

from dive_mmdet.registry import MODELS

from .dictionary import Dictionary
from .enumeration import AdaptiveEnumeration
from .posterior import Posterior

TEMPERATURE = 0.3  # in standard deviations of the compared energies


class ExpectedImages:
    """What the generator expects of each class before it sees any image, made once for all images.

    Args:
        posterior: whose generator is asked; its images are not looked at.
    """

    def __init__(self, posterior: Posterior):
        self.key = Dictionary.key_of(posterior)
        vocabulary = posterior.vocabulary
        ids = torch.cat([vocabulary.class_ids, torch.tensor([vocabulary.any_class])])[:, None]
        expected = posterior.expectation(ids).flatten(1)
        self.of_class, self.unknown, self.nfe = expected[:-1], expected[-1:], len(expected)  # (C, c h w), (1, c h w)


@MODELS.register_module()
class ShortlistInverter(AdaptiveEnumeration):
    """Gradient steps that jump, then the stages of `AdaptiveEnumeration` on the classes that were met.

    The condition v starts as the mean class row. A round takes one gradient of the energy on few pairs, which predicts
    the energy of every class k,

        E(k) - E(v) = gradient . (row_k - v) + w expected (|x - a_k|^2 - |x - a_v|^2),

    a_k being what the generator expects of class k before it sees an image, and w what such a difference of x_0 weighs
    in the energy. |x - a_k|^2 is the error at the last timestep, where x_t holds nothing of the image x, so that one
    evaluation a class serves all images. The best classes that were not compared before are compared on the pairs of
    the first stage, and v moves to the mean of the rows of all compared ones, weighed by exp(-E / TEMPERATURE).
    Predictions choose what is asked, energies what is answered.

    Args:
        candidates: classes that each round compares: [24, 8] is two gradients and 32 classes.
        pairs, keep: stages of the compared classes, as in `AdaptiveEnumeration`.
        gradient_pairs: first pairs of the bank that a gradient is taken on; it costs three evaluations a pair.
        expected: weight of the error at the last timestep; 0 where nothing is to be expected from pure noise (latents,
            a generator that predicts epsilon).

    Raises:
        ValueError: rounds that compare nothing or go by nothing, stages that do not narrow, or (when inverting) a bank
            or a vocabulary that they do not fit.
    """

    def __init__(self, candidates: list[int], pairs: list[int], keep: list[int], gradient_pairs: int = 8,
                 expected: float = 0.3):
        super().__init__(pairs, keep)
        if min(candidates, default=0) < 1 or gradient_pairs < 1 or expected < 0:
            raise ValueError(f'Every round compares classes by a gradient, got candidates={list(candidates)}, '
                             f'gradient_pairs={gradient_pairs} and expected={expected}: give positive numbers, the '
                             'weight at least 0.')
        self.candidates, self.gradient_pairs, self.expected = list(candidates), gradient_pairs, expected
        self.expected_images, self.shared_nfe = None, 0

    def _start(self, posterior: Posterior) -> tuple[Tensor, Tensor]:
        """(N, M): the classes that the rounds compared, and their values (N M, Q) on the pairs of the first stage."""
        count, class_ids = len(posterior), posterior.vocabulary.class_ids.to(posterior.latents.device)
        rows = posterior.generator.embed(class_ids).detach()                           # (C, D)
        images = self._expected_images(posterior)
        v = posterior.generator.mean_class_row().detach().expand(count, -1)
        image = None if images is None else images.unknown.expand(count, -1)
        pairs = torch.arange(self.pairs[0] if self.pairs else posterior.num_pairs)
        compared, errors = torch.empty(count, 0, dtype=torch.long), torch.empty(count, 0, len(pairs))
        for number in self.candidates:
            predicted = self._first_order(posterior, rows, v)
            if images is not None:
                predicted = predicted + self._beyond(posterior, images.of_class, image)
            predicted = predicted.cpu().scatter(1, compared, float('inf'))
            best = predicted.topk(number, dim=1, largest=False).indices
            found = self._errors(posterior, torch.arange(count).repeat_interleave(number), best.flatten(), pairs)
            compared = torch.cat([compared, best], dim=1)
            errors = torch.cat([errors, found.view(count, number, -1)], dim=1)
            energies = errors.mean(dim=2)
            spread = energies.std(dim=1, correction=0, keepdim=True).clamp(min=torch.finfo(energies.dtype).tiny)
            above = energies - energies.amin(dim=1, keepdim=True)
            weight = (-above / (TEMPERATURE * spread)).softmax(dim=1)
            of_class = torch.zeros(count, len(rows)).scatter(1, compared, weight).to(rows)
            v, image = of_class @ rows, None if images is None else of_class @ images.of_class
        return compared, -errors.flatten(0, 1)

    def _first_order(self, posterior: Posterior, rows: Tensor, v: Tensor) -> Tensor:
        """Energies of all classes less that of v as a gradient predicts them, (N, C)."""
        pairs = torch.arange(self.gradient_pairs)
        gradient = posterior.gradient(torch.arange(len(v)), v[:, None], pairs)[:, 0]   # (N, D)
        return gradient @ rows.T - (gradient * v).sum(dim=1, keepdim=True)

    def _beyond(self, posterior: Posterior, of_class: Tensor, image: Tensor) -> Tensor:
        """What expected images add to that: those of the classes (C, c h w) and of v (N, c h w) -> (N, C)."""
        likelihood, x = posterior.likelihood, posterior.latents.flatten(1)
        t = likelihood.bank.timesteps[:self.gradient_pairs]
        error_weight = posterior.generator.schedule.error_weight(t, 'sample')
        weight = (likelihood.weight[:self.gradient_pairs] / error_weight).mean() / of_class.shape[1]
        error = _squared_distances(x, of_class) - (x - image).square().sum(dim=1, keepdim=True)
        return weight * (self.expected * error)

    def _expected_images(self, posterior: Posterior) -> ExpectedImages | None:
        if not self.expected:
            return None
        if self.expected_images is None or self.expected_images.key != Dictionary.key_of(posterior):
            self.expected_images = ExpectedImages(posterior)
            self.shared_nfe += self.expected_images.nfe
        return self.expected_images

    def _require_fit(self, posterior: Posterior) -> None:
        super()._require_fit(posterior)
        compared, count = sum(self.candidates), len(posterior.vocabulary.class_ids)
        if compared > count or self.keep and self.keep[0] > compared or self.gradient_pairs > posterior.num_pairs:
            raise ValueError(f'{self.candidates} candidates of {count} classes, stages that keep {self.keep} of them '
                             f'and gradients on {self.gradient_pairs} of {posterior.num_pairs} pairs do not fit each '
                             'other: lower what is larger than what it is taken from.')


def _squared_distances(one: Tensor, other: Tensor) -> Tensor:
    """(N, D), (C, D) -> (N, C)."""
    return one.square().sum(dim=1, keepdim=True) - 2 * one @ other.T + other.square().sum(dim=1)
