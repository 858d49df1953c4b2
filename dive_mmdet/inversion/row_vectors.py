"""Tokens as one vector each, however many rows stand for an id."""
from torch import Tensor, nn


def by_token(rows: Tensor, length: int) -> Tensor:
    """Rows of conditions, or their gradients, token by token, (B, L S, D) -> (B, L, S D)."""
    return rows.unflatten(1, (length, -1)).flatten(2)


def vectors_of(generator: nn.Module, ids: Tensor) -> Tensor:
    """What stands for each id, (...) -> (..., S D)."""
    return generator.embed(ids[..., None]).flatten(-2)
