"""p(x | layout): first stage, token table, condition encoder, denoiser and schedule behind three faces."""
import torch
from torch import Tensor

from dive_mmdet.checkpoints.loading import WeightsMismatch
from dive_mmdet.layout import LayoutTokenizer, LayoutVocabulary
from dive_mmdet.registry import MODELS

from .conditional import ConditionalGenerator
from .coordinate_table import CoordinateTable
from .token_table import build_table


@MODELS.register_module()
class LayoutGenerator(ConditionalGenerator):
    """A `ConditionalGenerator` of images given a layout.

    Args:
        vocabulary: arguments of `LayoutVocabulary`.
        table: arguments of the table but the vocabulary, a `TokenTable` if no `type` says otherwise.
        first_stage, schedule, condition, denoiser, options: as in `ConditionalGenerator`.
    """

    def __init__(self, vocabulary: dict, table: dict, first_stage: dict, schedule: dict, condition: dict,
                 denoiser: dict, **options):
        vocabulary = LayoutVocabulary(**vocabulary)
        super().__init__(vocabulary, build_table(vocabulary, table), first_stage, schedule, condition, denoiser,
                         **options)
        self.tokenizer = LayoutTokenizer(vocabulary)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *arguments) -> None:
        table = state_dict.get(f'{prefix}table.weight')
        if isinstance(self.table, CoordinateTable) and table is not None and len(table) == self.vocabulary.num_tokens:
            raise WeightsMismatch(f'This checkpoint is of a generator that looks corners up in a table of {len(table)} '
                                  'rows, and this config computes them from coordinates: take the weights that belong '
                                  'to the config, or train it.')
        super()._load_from_state_dict(state_dict, prefix, *arguments)

    def hide_classes(self, ids: Tensor, probability: float, rng: torch.Generator | None = None) -> Tensor:
        """Layouts some of whose objects are of unknown class, (N, L) -> (N, L)."""
        return self.vocabulary.hide_classes(ids, probability, rng)
