"""A generator of classes in closed form, whose energies anyone can compute."""
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from dive_mmdet.diffusion import NoiseSchedule
from dive_mmdet.inversion import Likelihood, Posterior
from dive_mmdet.layout import ClassVocabulary


class PatternGenerator(nn.Module):
    """Predicts x_0 as a linear map of the class row, whatever x_t is; a class is a random row.

    So in the space of samples an energy is the mean squared distance between two patterns, quadratic in the row.

    Args:
        num_classes: C.
        dim: D of the rows.
        bend: patterns are tanh(bend x map) / bend instead, which is not quadratic; 0 is the limit.
    """

    def __init__(self, num_classes: int = 200, dim: int = 12, bend: float = 0.0):
        super().__init__()
        random = torch.Generator().manual_seed(5)
        self.vocabulary, self.schedule, self.bend = ClassVocabulary(num_classes), NoiseSchedule(), bend
        self.latent_shape, self.condition = (1, 4, 6), SimpleNamespace(order_free=False)
        self.table = nn.Module()
        self.table.weight = nn.Parameter(torch.randn(num_classes + 1, dim, generator=random), requires_grad=False)
        self.map = torch.randn(dim, 24, generator=random) / dim ** 0.5
        self.evaluations = 0  # a backward counts as two

    def mean_class_row(self) -> Tensor:
        return self.table.weight[self.vocabulary.class_ids].mean(dim=0)

    def embed(self, ids: Tensor) -> Tensor:
        return torch.cat([self.table.weight, self.mean_class_row()[None]])[ids]

    def pattern(self, rows: Tensor) -> Tensor:
        """(B, 1, D) -> (B, 1, 4, 6)."""
        flat = rows[:, 0] @ self.map
        return (torch.tanh(self.bend * flat) / self.bend if self.bend else flat).view(-1, *self.latent_shape)

    def predict_noise(self, x_t: Tensor, t: Tensor, rows: Tensor) -> Tensor:
        self.evaluations += len(x_t) * (3 if rows.requires_grad else 1)
        signal, sigma = self.schedule.coefficients(t, x_t)
        return (x_t - signal * self.pattern(rows)) / sigma

    def images(self, classes: Tensor, spread: float = 0.0) -> Tensor:
        """Patterns of classes (N,), (N, 1, 4, 6), with noise of their own."""
        noise = torch.randn(len(classes), *self.latent_shape, generator=torch.Generator().manual_seed(6))
        return self.pattern(self.embed(classes[:, None])) + spread * noise

    def distances(self, images: Tensor) -> Tensor:
        """Mean squared distance from every class's pattern, (N, C)."""
        every = self.pattern(self.embed(self.vocabulary.class_ids[:, None]))
        return (images[:, None] - every).square().flatten(2).mean(dim=2)

    def posterior(self, images: Tensor, num_pairs: int = 6, space: str = 'sample', **arguments) -> Posterior:
        return Posterior(Likelihood(self, num_pairs=num_pairs, low=300, high=900, space=space), images, **arguments)
