"""Energies that are no numbers end a search."""
from torch import Tensor


def finite(values: Tensor, name: str) -> Tensor:
    """`values`, any shape.

    A search would pass over a candidate whose energy is NaN and end with a finite result that is another one.

    Raises:
        FloatingPointError: one of them is NaN or infinite.
    """
    if not bool(values.isfinite().all()):
        raise FloatingPointError(f'{name} is not finite: search in float32, or look for damage in weights and image.')
    return values
