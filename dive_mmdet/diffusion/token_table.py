"""The tables whose rows stand for ids."""
import torch
from torch import Tensor, nn

from dive_mmdet.layout import ClassVocabulary, LayoutVocabulary
from dive_mmdet.moved import refuse
from dive_mmdet.registry import MODELS

MOVED = dict.fromkeys(('corner_init', 'corner_max_cycles', 'train_corners'),
                      "`type='dive_mmdet.CoordinateTable'` of the table, whose corners are coordinates,")


@MODELS.register_module()
class TokenTable(nn.Module):
    """The rows of all ids, (num_tokens, D), which start at random as published.

    Args:
        vocabulary: the ids.
        dim: D.

    Raises:
        ValueError: a setting of corner rows, which are computed by `CoordinateTable` now.
    """

    def __init__(self, vocabulary: LayoutVocabulary, dim: int, **unknown):
        refuse('TokenTable', unknown, MOVED)
        super().__init__()
        self.weight = nn.Parameter(torch.randn(vocabulary.num_tokens, dim))
        self.first_class = vocabulary.class_offset  # where `weight` has the first class

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
