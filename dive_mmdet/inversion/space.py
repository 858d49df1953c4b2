"""Where a condition may lie: the rows of the frozen table, slot by slot."""
import torch
from torch import Tensor

from dive_mmdet.layout import LayoutVocabulary
from dive_mmdet.layout.vocabulary import CLASS, TOKENS_PER_OBJECT

DISTANCES = ('l2', 'cosine', 'continuous')


class LayoutSpace:
    """Continuous conditions (B, L, D) and their projection on the table's rows.

    Class slots go to the nearest class row or none. Corner slots go to the nearest corner row and never to none:
    whether an object is present is decided by its class slot alone, and an absent object is absent as a whole.

    Args:
        vocabulary: of the layouts.
        table: (num_tokens, D) rows, frozen.
        distance: `l2` or `cosine` projection (paper, section 3.3), or `continuous`, which projects only to answer.

    Raises:
        ValueError: an unknown distance, or cosine with a row of zeros.
    """

    def __init__(self, vocabulary: LayoutVocabulary, table: Tensor, distance: str = 'l2'):
        if distance not in DISTANCES:
            raise ValueError(f"Unknown distance '{distance}': use one of {', '.join(DISTANCES)}.")
        if distance == 'cosine' and bool((table.norm(dim=1) == 0).any()):
            raise ValueError('The table has a row of zeros, which has no direction: use the l2 distance.')
        self.vocabulary, self.table, self.distance = vocabulary, table.detach(), distance
        device = table.device
        kinds = vocabulary.slot_kinds
        self.class_slots = (kinds == CLASS).nonzero()[:, 0].to(device)
        self.corner_slots = (kinds != CLASS).nonzero()[:, 0].to(device)
        self.class_candidates = torch.cat([vocabulary.class_ids, torch.tensor([vocabulary.none])]).to(device)
        self.corner_candidates = vocabulary.corner_ids.to(device)

    def random(self, count: int, generator: torch.Generator) -> Tensor:
        """Start vectors, normal with the scalar mean and standard deviation of the whole table, (count, L, D)."""
        shape = (count, self.vocabulary.length, self.table.shape[1])
        noise = torch.randn(shape, generator=generator).to(self.table)
        return self.table.mean() + self.table.std() * noise

    def nearest(self, v: Tensor) -> Tensor:
        """Ids of the nearest allowed rows, (B, L, D) -> (B, L)."""
        ids = torch.empty(v.shape[:2], dtype=torch.long, device=v.device)
        ids[:, self.class_slots] = self._nearest(v[:, self.class_slots], self.class_candidates)
        ids[:, self.corner_slots] = self._nearest(v[:, self.corner_slots], self.corner_candidates)
        present = self.vocabulary.is_present(ids).repeat_interleave(TOKENS_PER_OBJECT, dim=1)
        objects = ids[:, :present.shape[1]]
        objects[~present] = self.vocabulary.none
        return ids

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
