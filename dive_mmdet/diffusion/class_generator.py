"""p(x | class)."""
import torch
from torch import Tensor

from dive_mmdet.layout import ClassVocabulary
from dive_mmdet.registry import MODELS

from .conditional import ConditionalGenerator
from .token_table import ClassTable


@MODELS.register_module()
class ClassGenerator(ConditionalGenerator):
    """A `ConditionalGenerator` of images given a class.

    Args:
        num_classes: C.
        row_dim: D, width of a class row.
        first_stage, schedule, denoiser, options: as in `ConditionalGenerator`.
        unknown: what stands for an unknown class: the `null` row (published), or the `mean` class row, which lies among
            the classes, so that a gradient taken there says something about all of them.
        row_std: standard deviation of the rows before training (published: 0.02).
        rows_per_class: S, where a class is a sequence of rows that the denoiser attends to, such as the tokens of its
            prompt; None where it is one row that modulates the denoiser.
        per_class: T, conditions that mean a class, such as several prompts.
    """

    def __init__(self, num_classes: int, row_dim: int, first_stage: dict, schedule: dict, denoiser: dict,
                 unknown: str = 'null', row_std: float = 0.02, rows_per_class: int | None = None,
                 per_class: int = 1, **options):
        if unknown not in ('null', 'mean'):
            raise ValueError(f"An unknown class is the 'null' row or the 'mean' class row, not '{unknown}'.")
        condition = dict(type='dive_mmdet.ClassRow') if rows_per_class is None else dict(
            type='dive_mmdet.RowSequence', width=row_dim)
        vocabulary = ClassVocabulary(num_classes, per_class)
        super().__init__(vocabulary, ClassTable(vocabulary.none, row_dim, row_std, rows_per_class), first_stage,
                         schedule, condition, denoiser, **options)
        self.unknown = self.vocabulary.none if unknown == 'null' else self.vocabulary.any_class

    def hide_classes(self, ids: Tensor, probability: float, rng: torch.Generator | None = None) -> Tensor:
        """Classes (N, 1), some of which are unknown, (N, 1)."""
        hidden = torch.rand(ids.shape, generator=rng).to(ids.device) < probability
        return ids.masked_fill(hidden, self.unknown)
