"""Where a condition may lie: the rows of the frozen table, slot by slot."""
import torch
from torch import Tensor

from dive_mmdet.layout import ClassVocabulary, LayoutVocabulary

DISTANCES = ('l2', 'cosine', 'continuous')


class ConditionSpace:
    """Continuous conditions (B, L, D) and their projection on the table's rows.

    Which rows a slot may go to, the vocabulary says: a class goes to the nearest class row and never to the null row;
    of a layout, class slots go to the nearest class row or none and corner slots to the nearest corner row, and an
    absent object is absent as a whole.

    Args:
        vocabulary: of the conditions.
        table: (num_tokens, D) rows, frozen.
        distance: `l2` or `cosine` projection (paper, section 3.3), or `continuous`, which projects only to answer.

    Raises:
        ValueError: an unknown distance, or cosine with a row of zeros.
    """

    def __init__(self, vocabulary: LayoutVocabulary | ClassVocabulary, table: Tensor, distance: str = 'l2'):
        if distance not in DISTANCES:
            raise ValueError(f"Unknown distance '{distance}': use one of {', '.join(DISTANCES)}.")
        self.vocabulary, self.table, self.distance = vocabulary, table.detach(), distance
        self.candidates = [(slots.to(table.device), ids.to(table.device)) for slots, ids in vocabulary.slot_candidates]
        if distance == 'cosine' and any(bool((self.table[ids].norm(dim=1) == 0).any()) for _, ids in self.candidates):
            raise ValueError('The table has a row of zeros, which has no direction: use the l2 distance.')

    def random(self, count: int, generator: torch.Generator) -> Tensor:
        """Start vectors, normal with the scalar mean and standard deviation of the whole table, (count, L, D)."""
        shape = (count, self.vocabulary.length, self.table.shape[1])
        noise = torch.randn(shape, generator=generator).to(self.table)
        return self.table.mean() + self.table.std() * noise

    def nearest(self, v: Tensor) -> Tensor:
        """Ids of the nearest allowed rows, (B, L, D) -> (B, L)."""
        ids = torch.empty(v.shape[:2], dtype=torch.long, device=v.device)
        for slots, candidates in self.candidates:
            ids[:, slots] = self._nearest(v[:, slots], candidates)
        return self.vocabulary.settled(ids)

    def project(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """Ids (B, L) and rows (B, L, D); the rows' gradient goes to `v` unchanged (straight-through)."""
        ids = self.nearest(v.detach())
        if self.distance == 'continuous':
            return ids, v
        return ids, (self.table[ids] - v).detach() + v

    def _nearest(self, v: Tensor, candidates: Tensor) -> Tensor:
        rows = self.table[candidates]
        if self.distance == 'cosine':
            score = torch.nn.functional.normalize(v, dim=-1) @ torch.nn.functional.normalize(rows, dim=-1).T
        else:
            score = 2 * v @ rows.T - rows.square().sum(dim=1)
        return candidates[score.argmax(dim=-1)]
