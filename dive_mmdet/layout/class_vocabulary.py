"""The ids of a condition that is a class."""
from functools import cached_property

import torch
from torch import Tensor


class ClassVocabulary:
    """A condition of one token: a class 0 .. C - 1; the null class follows them and is never an answer.

    Where T conditions mean a class, the ids of class c are c T .. c T + T - 1, and the best of them speaks for it.

    Args:
        num_classes: C.
        per_class: T.

    Raises:
        ValueError: there is no class.
    """

    length = 1
    has_objects = False

    def __init__(self, num_classes: int, per_class: int = 1):
        if num_classes < 1 or per_class < 1:
            raise ValueError(f'A vocabulary of classes needs num_classes >= 1, got {num_classes}, of at least one '
                             f'condition each, got {per_class}.')
        self.num_classes = self.num_labels = num_classes
        self.per_class, self.none = per_class, num_classes * per_class
        self.num_tokens = self.none + 1
        # Stands for an unknown class in questions to a generator.
        self.any_class = self.num_tokens

    @cached_property
    def class_ids(self) -> Tensor:
        """Ids that an answer may be, (C T,)."""
        return torch.arange(self.none)

    @cached_property
    def class_labels(self) -> Tensor:
        """Which classes they mean, (C T,)."""
        return self.class_ids // self.per_class

    def by_class(self, energy: Tensor) -> Tensor:
        """The least energy of each class's conditions, (..., C T) -> (..., C)."""
        return energy.unflatten(-1, (self.num_classes, self.per_class)).amin(dim=-1)

    def meaning(self, labels: Tensor) -> Tensor:
        """Ids that mean classes, (k,) -> (k, T)."""
        return labels[:, None] * self.per_class + torch.arange(self.per_class, device=labels.device)

    @property
    def known_class_ids(self) -> Tensor:
        """Ids whose mean row is an unknown class, (C,)."""
        return self.class_ids

    @property
    def slot_candidates(self) -> list[tuple[Tensor, Tensor]]:
        """Positions and the ids that an answer may have there."""
        return [(torch.tensor([0]), self.class_ids)]

    def settled(self, ids: Tensor) -> Tensor:
        """A class is a whole answer, (B, 1) -> (B, 1)."""
        return ids

    def dropped(self, ids: Tensor, which: Tensor) -> Tensor:
        """Conditions some of which say nothing, (N, 1), (N,) bool -> (N, 1)."""
        return ids.masked_fill(which[:, None], self.none)
