"""A learned class put into a checkpoint."""
from typing import Any

import torch

from .class_names import class_names, require_new
from .loading import WeightsMismatch
from .untrusted import UnreadableCheckpoint, state_dict_of

TABLE = 'backbone.table.weight'


def add_class(old: dict[str, Any], learned: dict[str, Any], source: str) -> dict[str, Any]:
    """The old checkpoint with one row and one name more; every old weight keeps its bits.

    Args:
        old: of a generator, or of a detector with prior and calibration.
        learned: as a Runner wrote it of `NewClassModel`.
        source: of the old one, for the messages.

    Raises:
        UnreadableCheckpoint: `learned` holds no row.
        WeightsMismatch: the row was learned beside other weights.
        ValueError: the names do not go on from the old ones.
    """
    weights, beside = state_dict_of(old), state_dict_of(learned)
    if not {'row', 'place', f'trainer.{TABLE}'} <= beside.keys():
        raise UnreadableCheckpoint('There is no learned row in the second checkpoint: give one that the training of a '
                                   'NewClassModel wrote.')
    place, start = int(beside['place']), beside[f'trainer.{TABLE}']
    frozen = {f'trainer.{name}': value for name, value in weights.items() if name.startswith('backbone.')}
    beside[f'trainer.{TABLE}'] = torch.cat([start[:place], start[place + 1:]])
    other = [name for name, value in frozen.items()
             if name not in beside or not torch.equal(value.float(), beside[name].float())]
    if other or f'trainer.{TABLE}' not in frozen:
        raise WeightsMismatch(f'The row was learned beside other weights than those of {source} '
                              f'({len(other)} differ): learn it again beside these.')
    names, old_names = class_names(learned), class_names(old)
    if names is not None and old_names is not None:
        require_new(names, old_names, source)
    table = weights[TABLE]
    grown = torch.cat([table[:place], beside['row'][None].to(table), table[place:]])
    meta = dict(old.get('meta') or {})
    if names is not None:
        meta['dataset_meta'] = dict(meta.get('dataset_meta') or {}, classes=tuple(names))
    return dict(meta=meta, state_dict={**weights, TABLE: grown})
