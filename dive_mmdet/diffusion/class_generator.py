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
        first_stage, schedule, denoiser, prediction_type, loss_type, loss_space, timestep_exponent, compile,
            channels_last, checkpointing, init_cfg: as in `ConditionalGenerator`.
        class_dropout: probability of training on an unknown class instead (published: 0.1).
        unknown: what stands for it: the `null` row (published), or the `mean` class row, which lies among the classes,
            so that a gradient taken there says something about all of them.
        row_std: standard deviation of the rows before training (published: 0.02).
    """

    def __init__(self, num_classes: int, row_dim: int, first_stage: dict, schedule: dict, denoiser: dict,
                 prediction_type: str = 'epsilon', loss_type: str = 'l2', loss_space: str | None = None,
                 timestep_exponent: float = 1.0, class_dropout: float = 0.0, unknown: str = 'null',
                 row_std: float = 0.02, compile: bool = False, channels_last: bool = False,
                 checkpointing: bool = False, init_cfg: dict | None = None):
        if unknown not in ('null', 'mean'):
            raise ValueError(f"An unknown class is the 'null' row or the 'mean' class row, not '{unknown}'.")
        super().__init__(ClassVocabulary(num_classes), ClassTable(num_classes, row_dim, row_std), first_stage,
                         schedule, dict(type='dive_mmdet.ClassRow'), denoiser, prediction_type, loss_type, loss_space,
                         timestep_exponent, class_dropout, compile, channels_last, checkpointing, init_cfg)
        self.unknown = self.vocabulary.none if unknown == 'null' else self.vocabulary.any_class

    def training_rows(self, ids: Tensor, generator: torch.Generator | None) -> Tensor:
        """Rows of training classes (N, 1), some of which are the unknown class's, (N, 1, D)."""
        drop = torch.rand(ids.shape, generator=generator).to(ids.device) < self.class_dropout
        return self.embed(ids.masked_fill(drop, self.unknown))
