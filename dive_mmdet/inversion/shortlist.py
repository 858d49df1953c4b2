"""Few classes out of many: one gradient ranks them all, energies decide among the best."""
import torch
from torch import Tensor

from dive_mmdet.registry import MODELS

from .atlas import Atlas
from .enumeration import AdaptiveEnumeration
from .posterior import Posterior


class ExpectedImages:
    """What the generator expects of each class before it sees any image, made once for all images.

    Args:
        posterior: whose generator is asked; its images are not looked at.
    """

    def __init__(self, posterior: Posterior):
        self.key = Atlas.key_of(posterior)
        vocabulary = posterior.vocabulary
        ids = torch.cat([vocabulary.class_ids, torch.tensor([vocabulary.any_class])])[:, None]
        expected = posterior.expectation(ids).flatten(1)
        self.of_class, self.unknown, self.nfe = expected[:-1], expected[-1:], len(expected)  # (C, c h w), (1, c h w)


@MODELS.register_module()
class ShortlistInverter(AdaptiveEnumeration):
    """Gradient steps that jump, then the stages of `AdaptiveEnumeration` on the classes that were met.

    The condition v starts as the mean class row. A round takes one gradient of the energy on few pairs, which predicts
    the energy of every class k,

        E(k) - E(v) = gradient . (row_k - v) + curvature x w |a_k - a_v|^2,

    a_k being what the generator expects of class k before it sees an image, and w what such a difference of x_0 weighs
    in the energy. The best classes that were not compared before are compared on the pairs of the first stage, and v
    moves to the mean of the rows of all compared ones, weighed by exp(-E / temperature). The first round may do without
    a gradient and take the classes whose expected image is nearest. Predictions choose what is asked, energies what is
    answered.

    Args:
        candidates: classes that each round compares: [24, 8] is two gradients and 32 classes.
        pairs, keep: stages of the compared classes, as in `AdaptiveEnumeration`.
        first: what the first round goes by: `expected` images, which cost an image nothing, or a `gradient` at the mean
            class row, where nothing is to be expected (a generator that predicts epsilon, or latents).
        gradient_pairs: first pairs of the bank that a gradient is taken on; it costs three evaluations a pair.
        curvature: 1 where the denoiser predicts x_0, is linear in the row and does not look at x_t; 0 is first order.
        temperature: of the mean, in units of the standard deviation of the compared energies.

    Raises:
        ValueError: rounds that compare nothing or go by nothing, stages that do not narrow, or (when inverting) a bank
            or a vocabulary that they do not fit.
    """

    def __init__(self, candidates: list[int], pairs: list[int], keep: list[int], first: str = 'expected',
                 gradient_pairs: int = 2, curvature: float = 0.5, temperature: float = 0.3):
        super().__init__(pairs, keep)
        if first not in ('expected', 'gradient'):
            raise ValueError(f"Unknown first='{first}': use 'expected' or 'gradient'.")
        if min(candidates, default=0) < 1 or gradient_pairs < 1 or temperature <= 0:
            raise ValueError(f'Every round compares classes by a gradient, got candidates={list(candidates)}, '
                             f'gradient_pairs={gradient_pairs} and temperature={temperature}: give positive numbers.')
        self.candidates, self.gradient_pairs = list(candidates), gradient_pairs
        self.first, self.curvature, self.temperature = first, curvature, temperature
        self.expected, self.shared_nfe = None, 0

    def _start(self, posterior: Posterior) -> Tensor:
        """(N, M): the classes that the rounds compared."""
        expected, table = self._expected_images(posterior), posterior.generator.table.weight.detach()
        rows = table[posterior.vocabulary.class_ids.to(table.device)]                  # (C, D)
        count = len(posterior)
        v = posterior.generator.mean_class_row().detach().expand(count, -1)
        image = expected.unknown.expand(count, -1)
        compared = torch.empty(count, 0, dtype=torch.long)
        for number in self.candidates:
            if self.first == 'expected' and not compared.shape[1]:
                predicted = torch.cdist(posterior.latents.flatten(1), expected.of_class).cpu()
            else:
                predicted = self._predict(posterior, rows, v, expected.of_class, image)
            best = predicted.scatter(1, compared, float('inf')).topk(number, dim=1, largest=False).indices
            compared = torch.cat([compared, best], dim=1)
            energies = self._energies(posterior, compared, self.pairs[0] if self.pairs else posterior.num_pairs)
            spread = energies.std(dim=1, correction=0, keepdim=True).clamp(min=torch.finfo(energies.dtype).tiny)
            above = energies - energies.amin(dim=1, keepdim=True)
            weight = (-above / (self.temperature * spread)).softmax(dim=1)
            of_class = torch.zeros(count, len(rows)).scatter(1, compared, weight).to(rows)
            v, image = of_class @ rows, of_class @ expected.of_class
        return compared

    def _predict(self, posterior: Posterior, rows: Tensor, v: Tensor, images: Tensor, image: Tensor) -> Tensor:
        """Predicted energies of all classes less that of v, (N, C) on the CPU."""
        likelihood, pairs = posterior.likelihood, torch.arange(self.gradient_pairs)
        gradient = posterior.gradient(torch.arange(len(v)), v[:, None], pairs)[:, 0]   # (N, D)
        first = gradient @ rows.T - (gradient * v).sum(dim=1, keepdim=True)
        distance = images.square().sum(dim=1) - 2 * image @ images.T + image.square().sum(dim=1, keepdim=True)
        t = likelihood.bank.timesteps[:self.gradient_pairs]
        schedule = posterior.generator.schedule
        weight = (likelihood.weight[:self.gradient_pairs] / schedule.error_weight(t, 'sample')).mean()
        return (first + self.curvature * weight * distance / images.shape[1]).cpu()

    def _expected_images(self, posterior: Posterior) -> ExpectedImages:
        if self.expected is None or self.expected.key != Atlas.key_of(posterior):
            self.expected = ExpectedImages(posterior)
            self.shared_nfe += self.expected.nfe
        return self.expected

    def _require_fit(self, posterior: Posterior) -> None:
        super()._require_fit(posterior)
        compared, count = sum(self.candidates), len(posterior.vocabulary.class_ids)
        if compared > count or self.keep and self.keep[0] > compared or self.gradient_pairs > posterior.num_pairs:
            raise ValueError(f'{self.candidates} candidates of {count} classes, stages that keep {self.keep} of them '
                             f'and gradients on {self.gradient_pairs} of {posterior.num_pairs} pairs do not fit each '
                             'other: lower what is larger than what it is taken from.')
