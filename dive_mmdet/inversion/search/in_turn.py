"""Moves made of moves."""
import torch
from torch import Tensor

from .state import SearchState


class InTurn:
    """Moves one after the other, in rounds, as long as something changes.

    Args:
        moves: each called with a state and rows, to say which rows it changed.
        rounds: at most; rows that a round did not change are left out of the next.
    """

    def __init__(self, moves: list, rounds: int = 1):
        self.moves, self.rounds = moves, rounds

    def __call__(self, state: SearchState, rows: Tensor) -> Tensor:
        """(B,) bool: which rows changed."""
        changed = torch.zeros(len(state), dtype=torch.bool)
        for _ in range(self.rounds):
            now = torch.zeros(len(state), dtype=torch.bool)
            for move in self.moves:
                now |= move(state, rows)
            changed |= now
            rows = rows[now[rows]]
            if not len(rows):
                break
        return changed
