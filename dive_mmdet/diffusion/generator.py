"""p(x | layout): first stage, token table, condition encoder, denoiser and schedule behind three faces."""
import torch
from torch import Tensor

from dive_mmdet.layout import LayoutTokenizer, LayoutVocabulary
from dive_mmdet.registry import MODELS

from .conditional import ConditionalGenerator
from .token_table import TokenTable


@MODELS.register_module()
class LayoutGenerator(ConditionalGenerator):
    """A `ConditionalGenerator` of images given a layout.

    Args:
        vocabulary: arguments of `LayoutVocabulary`.
        table: arguments of `TokenTable` but the vocabulary.
        first_stage, schedule, condition, denoiser, prediction_type, loss_type, loss_space, timestep_exponent, compile,
            channels_last, checkpointing, init_cfg: as in `ConditionalGenerator`.
        class_dropout: probability, an object, of replacing its class row by the mean of all class rows at training,
            so that the generator can be asked about a box of unknown class. 0 as published.
    """

    def __init__(self, vocabulary: dict, table: dict, first_stage: dict, schedule: dict, condition: dict,
                 denoiser: dict, prediction_type: str = 'epsilon', loss_type: str = 'l2',
                 loss_space: str | None = None, timestep_exponent: float = 1.0, class_dropout: float = 0.0,
                 compile: bool = False, channels_last: bool = False, checkpointing: bool = False,
                 init_cfg: dict | None = None):
        vocabulary = LayoutVocabulary(**vocabulary)
        super().__init__(vocabulary, TokenTable(vocabulary, **table), first_stage, schedule, condition, denoiser,
                         prediction_type, loss_type, loss_space, timestep_exponent, class_dropout, compile,
                         channels_last, checkpointing, init_cfg)
        self.tokenizer = LayoutTokenizer(vocabulary)

    def training_rows(self, ids: Tensor, generator: torch.Generator | None) -> Tensor:
        """Rows of training layouts, some of whose class rows are the mean class row, (N, L) -> (N, L, D)."""
        rows = self.embed(ids)
        if not self.class_dropout:
            return rows
        present = self.vocabulary.is_present(ids)
        drop = (torch.rand(present.shape, generator=generator).to(rows.device) < self.class_dropout) & present
        mask = torch.zeros_like(ids, dtype=torch.bool)
        self.vocabulary.objects(mask)[..., 0] = drop
        return torch.where(mask[..., None], self.mean_class_row(), rows)
