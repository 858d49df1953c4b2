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
        first_stage, schedule, condition, denoiser, options: as in `ConditionalGenerator`.
    """

    def __init__(self, vocabulary: dict, table: dict, first_stage: dict, schedule: dict, condition: dict,
                 denoiser: dict, **options):
        vocabulary = LayoutVocabulary(**vocabulary)
        super().__init__(vocabulary, TokenTable(vocabulary, **table), first_stage, schedule, condition, denoiser,
                         **options)
        self.tokenizer = LayoutTokenizer(vocabulary)

    def hide_classes(self, ids: Tensor, probability: float, rng: torch.Generator | None = None) -> Tensor:
        """Layouts some of whose objects are of unknown class, (N, L) -> (N, L)."""
        return self.vocabulary.hide_classes(ids, probability, rng)
