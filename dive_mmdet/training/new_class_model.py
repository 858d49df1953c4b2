"""Learning the row of one new class by the ordinary Runner."""
from collections.abc import Sequence

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.func import functional_call

from dive_mmdet.checkpoints.class_names import class_names, require_new
from dive_mmdet.checkpoints.untrusted import load_untrusted, state_dict_of
from dive_mmdet.diffusion.conditional import ConditionalGenerator
from dive_mmdet.registry import MODELS

TABLE = 'backbone.table.weight'


@MODELS.register_module()
class NewClassModel(BaseModel):
    """A trained generator whose table gets one row more: `loss` learns that row, and no other weight can move.

    It serves every table with a row for each class: class vectors beside coordinates, the phrases of GLIGEN among
    them, and tokens with ids of their own. What was learned is put into a checkpoint by `tools/misc/add_class.py`.

    Args:
        trainer: config of the `GeneratorModel` that trains such a generator; its vocabulary has the new class last, and
            counts it in `num_added`.
        generator: checkpoint of the generator without the class, of a whole detector or alone.
        classes: names of all classes, those of the checkpoint in its order and the new one last.
        start: class whose row the new one starts from; by default it starts as an object of unknown class, the mean.
        data_preprocessor: as in any BaseModel; images must come out in [-1, 1].
        init_cfg: as in any BaseModel.

    Raises:
        FileNotFoundError, UnreadableCheckpoint: no checkpoint at `generator`, or one that is none.
        WeightsMismatch: it is of another network.
        ValueError: classes that are not those of the checkpoint and one more, of another number than the vocabulary, or
            an unknown `start`.
    """

    def __init__(self, trainer: dict, generator: str, classes: Sequence[str], start: str | None = None,
                 data_preprocessor: dict | None = None, init_cfg: dict | None = None):
        super().__init__(data_preprocessor, init_cfg)
        self.trainer = MODELS.build(trainer).requires_grad_(False)
        backbone, checkpoint = self.trainer.backbone, load_untrusted(generator)
        vocabulary = backbone.vocabulary
        _require_room(backbone, classes)
        old = class_names(checkpoint)
        if old is not None:
            require_new(classes, old, generator)
        weights = {name.removeprefix('backbone.'): value for name, value in state_dict_of(checkpoint).items()
                   if name.startswith('backbone.')}
        first, table = backbone.table.first_class, weights.pop('table.weight', torch.zeros(0))
        if len(table) + 1 != len(backbone.table.weight):
            raise ValueError(f'{generator} should hold {TABLE} of {len(backbone.table.weight) - 1} rows, one less than '
                             f'the vocabulary of {vocabulary.num_classes} classes has, and has {len(table)}: give the '
                             'checkpoint without the new class, and the vocabulary one class more.')
        place = first + vocabulary.num_classes - 1
        table = table.float()
        row = _row_of(start, list(classes[:-1]), table[first:place])
        backbone.load_state_dict({**weights, 'table.weight': with_row(table, row, place)})
        self.row = nn.Parameter(row.clone())
        self.register_buffer('place', torch.tensor(place))

    def forward(self, inputs: Tensor, data_samples: list | None = None, mode: str = 'tensor'):
        """As of the trainer, with the learned row in the table."""
        table, place = self.trainer.get_parameter(TABLE), int(self.place)
        grown = with_row(torch.cat([table[:place], table[place + 1:]]), self.row, place)
        return functional_call(self.trainer, {TABLE: grown}, (inputs, data_samples, mode))

    def train(self, mode: bool = True) -> 'NewClassModel':
        """Frozen layers stay as they answer."""
        super().train(mode)
        self.trainer.eval()
        return self


def with_row(table: Tensor, row: Tensor, place: int) -> Tensor:
    """A table (R, D) with a row (D,) at a place, (R + 1, D)."""
    return torch.cat([table[:place], row[None].to(table), table[place:]])


def _require_room(generator: ConditionalGenerator, classes: Sequence[str]) -> None:
    vocabulary = generator.vocabulary
    if not hasattr(generator.table, 'first_class') and vocabulary.has_objects:
        raise ValueError(f'A {type(generator.table).__name__} has several rows a class, of which one alone cannot be '
                         'learned here: take a generator whose classes have a row each.')
    if not getattr(vocabulary, 'num_added', 0):
        raise ValueError("The new class must be one that the vocabulary counts as added: give the trainer's vocabulary "
                         'num_added=1, or one more than before; only layouts can be given classes.')
    if len(classes) != vocabulary.num_classes:
        raise ValueError(f'There are {len(classes)} classes ({", ".join(classes)}) and the vocabulary has '
                         f'{vocabulary.num_classes}: give the vocabulary one for each, the new one too.')


def _row_of(start: str | None, classes: list[str], rows: Tensor) -> Tensor:
    if start is None:
        return rows.mean(dim=0)
    if start not in classes:
        raise ValueError(f"start='{start}' is none of the classes {', '.join(classes)}: name one of them, or leave it "
                         'out to start from their mean.')
    return rows[classes.index(start)]
