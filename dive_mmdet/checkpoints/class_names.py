"""Names of classes in checkpoints."""
from collections.abc import Sequence
from typing import Any


def as_text(name: str) -> str:
    """What people and text encoders read of a name: capitals and spaces tell no two apart."""
    return ' '.join(name.lower().split())


def class_names(checkpoint: dict[str, Any]) -> list[str] | None:
    """Of a published or converted checkpoint, in the order of its rows; None where it does not say."""
    meta = checkpoint.get('meta') or {}
    names = (meta.get('dataset_meta') or meta).get('classes') if isinstance(meta, dict) else None
    return None if names is None else [str(name) for name in names]


def require_new(classes: Sequence[str], old: Sequence[str], source: str) -> None:
    """Refuse names of classes that are not those of a checkpoint and a new one behind them.

    Args:
        classes: all names, the new one last.
        old: names in the checkpoint.
        source: of the checkpoint.

    Raises:
        ValueError: the new name is an old one, or the old ones are others or in another order.
    """
    same = [name for name in old if as_text(name) == as_text(classes[-1])]
    if same:
        raise ValueError(f"The new class '{classes[-1]}' and the class '{same[0]}' of {source} are the same name: give "
                         'it a name of its own.')
    if [as_text(name) for name in classes[:-1]] != [as_text(name) for name in old]:
        raise ValueError(f'The classes {", ".join(classes)} should be those of {source}, which are {", ".join(old)}, '
                         'in that order, and the new one behind them.')
