"""The tables whose rows stand for ids."""
import math

import torch
from torch import Tensor, nn

from dive_mmdet.layout import ClassVocabulary, LayoutVocabulary
from dive_mmdet.registry import MODELS


def sinusoids(points: Tensor, dim: int, max_cycles: float) -> Tensor:
    """2-D sinusoidal features of points in [0, 1]^2, (N, 2) -> (N, dim), each of unit variance on average.

    A quarter of the features each is sin x, cos x, sin y and cos y; frequencies are geometric from half a cycle an
    image to `max_cycles`.

    Raises:
        ValueError: `dim` is no multiple of 4.
    """
    if dim % 4:
        raise ValueError(f'2-D sinusoids need a width divisible by 4, not {dim}.')
    cycles = 0.5 * (2 * max_cycles) ** torch.linspace(0, 1, dim // 4, dtype=torch.float64)
    angles = 2 * math.pi * points.double()[:, :, None] * cycles                       # (N, 2, dim / 4)
    return (math.sqrt(2) * torch.cat([angles.sin(), angles.cos()], dim=2).flatten(1)).float()


@MODELS.register_module()
class TokenTable(nn.Module):
    """The rows of all ids, (num_tokens, D).

    Args:
        vocabulary: the ids.
        dim: D.
        corner_init: `sinusoid` starts corner rows as 2-D sinusoids of their points, so that what is learned about one
            point holds for its neighbours; `normal` starts every row at random, as published.
        corner_max_cycles: highest frequency of those sinusoids, in cycles an image.
        train_corners: whether gradients move the corner rows; only with separate ids can they stand still alone. An
            optimiser's weight decay shrinks them all the same, by one factor.
    """

    def __init__(self, vocabulary: LayoutVocabulary, dim: int, corner_init: str = 'normal',
                 corner_max_cycles: float = 16.0, train_corners: bool = True):
        super().__init__()
        if corner_init not in ('sinusoid', 'normal'):
            raise ValueError(f"Unknown corner_init '{corner_init}': use 'sinusoid' or 'normal'.")
        if not train_corners and vocabulary.shared_ids:
            raise ValueError('train_corners=False needs a vocabulary with shared_ids=False: classes share rows with '
                             'corners there.')
        self.weight = nn.Parameter(torch.randn(vocabulary.num_tokens, dim))
        self.first_class = vocabulary.class_offset  # where `weight` has the first class
        ids = vocabulary.corner_ids
        if corner_init == 'sinusoid':
            n = vocabulary.grid
            points = torch.stack([ids % n, ids // n], dim=1) / (n - 1)
            with torch.no_grad():
                self.weight[ids] = sinusoids(points, dim, corner_max_cycles)
        if not train_corners:
            trainable = torch.ones(vocabulary.num_tokens, 1)
            trainable[ids] = 0
            self.register_buffer('trainable', trainable, persistent=False)
            self.weight.register_hook(lambda gradient: gradient * self.trainable)

    @property
    def dim(self) -> int:
        return self.weight.shape[1]

    def forward(self, ids: Tensor) -> Tensor:
        """(...) ids -> (..., D) rows."""
        return nn.functional.embedding(ids, self.weight)

    def typical_rows(self) -> Tensor:
        """Rows that show what scale rows have, (R, D): all of them."""
        return self.weight.detach()


class ClassTable(nn.Module):
    """The rows of classes, the last one the null class's, (C + 1, D), or (C + 1, S, D) where S rows stand for each.

    They start normal; a standard deviation of 0.02 is published (facebookresearch/DiT, `models.py`).
    """

    def __init__(self, num_classes: int, dim: int, std: float = 0.02, rows: int | None = None):
        super().__init__()
        shape = (num_classes + 1, dim) if rows is None else (num_classes + 1, rows, dim)
        self.weight = nn.Parameter(std * torch.randn(shape))

    @property
    def dim(self) -> int:
        return self.weight.shape[-1]

    def forward(self, ids: Tensor) -> Tensor:
        """(...) ids -> (..., D) or (..., S, D) rows."""
        return self.weight[ids] if self.weight.dim() == 3 else nn.functional.embedding(ids, self.weight)


def build_table(vocabulary: LayoutVocabulary, table: dict) -> nn.Module:
    """The table of a layout generator from its config, a `TokenTable` if no `type` says otherwise."""
    return MODELS.build(dict(dict(type='dive_mmdet.TokenTable'), vocabulary=vocabulary, **table))


def embed(table: nn.Module, ids: Tensor, vocabulary: LayoutVocabulary | ClassVocabulary) -> Tensor:
    """Rows of token ids, (..., L) -> (..., L, D), or (..., L S, D) where S rows stand for an id; the id `any_class` has
    the mean class row."""
    unknown = ids == vocabulary.any_class
    rows = table(ids.masked_fill(unknown, vocabulary.none))
    sequence = rows.dim() > ids.dim() + 1
    if bool(unknown.any()):
        mask = unknown[..., None, None] if sequence else unknown[..., None]
        rows = torch.where(mask, mean_class_row(table, vocabulary), rows)
    return rows.flatten(-3, -2) if sequence else rows


def mean_class_row(table: nn.Module, vocabulary: LayoutVocabulary | ClassVocabulary) -> Tensor:
    """The mean of the rows of `known_class_ids`, (D,) or (S, D)."""
    return table(vocabulary.known_class_ids.to(table.weight.device)).mean(dim=0)
