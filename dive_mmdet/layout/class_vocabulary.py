"""The ids of a condition that is a class."""
from functools import cached_property

import torch
from torch import Tensor


class ClassVocabulary:
    """A condition of one token: a class 0 .. C - 1; the null class C follows them and is never an answer.

    Args:
        num_classes: C.

    Raises:
        ValueError: there is no class.
    """

    length = 1
    has_objects = False

    def __init__(self, num_classes: int):
        if num_classes < 1:
            raise ValueError(f'A vocabulary of classes needs num_classes >= 1, got {num_classes}.')
        self.num_classes = self.num_labels = num_classes
        self.none, self.num_tokens = num_classes, num_classes + 1
        # Stands for an unknown class in questions to a generator.
        self.any_class = self.num_tokens

    @cached_property
    def class_ids(self) -> Tensor:
        """(C,)."""
        return torch.arange(self.num_classes)

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
