"""A generator in closed form, on which searches are measured where there are no weights."""
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from dive_mmdet.diffusion import NoiseSchedule
from dive_mmdet.layout import LayoutTokenizer, LayoutVocabulary


class Painting(nn.Module):
    """Predicts x_0 as the sum of the layout's boxes, each filled with the colour of its class; x_t is not looked at.

    So the energy of a layout in the space of samples is its painting's mean squared error. A row is (x, y, colour,
    kind), and a pixel is painted as far as a box covers it, which has a gradient. The kind is 1 for classes and -3 for
    none, so that a random condition is rarely nearest to none, where there is no gradient.

    Args:
        vocabulary: of the layouts.
        colours: (C, c) of the class ids in the order of their rows, whether or not an answer may name them.
        size: side of the image in pixels.
        order_free: what it claims of its condition encoder.
        leak: part of x_t that is added to the painting, so that errors depend on the noise.
    """

    def __init__(self, vocabulary: LayoutVocabulary, colours: Tensor, size: int, order_free: bool = True,
                 leak: float = 0.0):
        super().__init__()
        self.vocabulary, self.tokenizer = vocabulary, LayoutTokenizer(vocabulary)
        self.size, self.latent_shape = size, (colours.shape[1], size, size)
        self.schedule = NoiseSchedule()
        self.condition = SimpleNamespace(order_free=order_free)
        self.leak, self.evaluations = leak, 0  # a backward counts as two
        rows = torch.zeros(vocabulary.num_tokens, colours.shape[1] + 3)
        corners, grid = vocabulary.corner_ids, vocabulary.grid
        rows[corners, 0], rows[corners, 1] = (corners % grid) / (grid - 1), (corners // grid) / (grid - 1)
        classes = slice(vocabulary.class_offset, vocabulary.class_offset + len(colours))
        rows[classes, 2:-1], rows[classes, -1] = colours, 1.0
        rows[vocabulary.none, 2:] = 0.0
        rows[vocabulary.none, -1] = -3.0
        self.table = nn.Module()
        self.table.weight = nn.Parameter(rows, requires_grad=False)

    def mean_class_row(self) -> Tensor:
        return self.table.weight[self.vocabulary.class_ids].mean(dim=0)

    def embed(self, ids: Tensor) -> Tensor:
        return torch.cat([self.table.weight, self.mean_class_row()[None]])[ids]

    def paint(self, rows: Tensor) -> Tensor:
        """(B, L, c + 3) -> (B, c, size, size)."""
        objects = self.vocabulary.objects(rows.transpose(1, 2)).permute(0, 2, 3, 1)   # (B, K, 3, c + 3)
        low, high = objects[:, :, 1, :2] * self.size, objects[:, :, 2, :2] * self.size
        pixels = torch.arange(self.size)
        covered = (torch.minimum(high[..., None], pixels + 1) - torch.maximum(low[..., None], pixels)).clamp(0, 1)
        columns = objects[:, :, 0, 2:-1, None] * covered[:, :, None, 1]               # (B, K, c, size)
        return (columns.flatten(2).transpose(1, 2) @ covered[:, :, 0]).unflatten(1, (-1, self.size))

    def predict_noise(self, x_t: Tensor, t: Tensor, rows: Tensor) -> Tensor:
        self.evaluations += len(x_t) * (3 if rows.requires_grad else 1)
        signal, sigma = self.schedule.coefficients(t, x_t)
        return (x_t - signal * (self.paint(rows) + self.leak * x_t)) / sigma
