"""Energies already computed are never computed twice."""
import torch
from torch import Tensor

from dive_mmdet.layout import ClassVocabulary, LayoutVocabulary


class EnergyCache:
    """Pair errors by (image, layout), exact: a value is stored once and read back unchanged.

    Args:
        num_pairs: P of the bank.
        vocabulary: of the conditions.
        order_free: objects in another order are the same layout.
    """

    def __init__(self, num_pairs: int, vocabulary: LayoutVocabulary | ClassVocabulary, order_free: bool):
        self.vocabulary, self.order_free = vocabulary, order_free
        self.slots: dict[tuple[int, bytes], int] = {}
        self.values = torch.full((1024, num_pairs), float('nan'))

    def find(self, images: Tensor, ids: Tensor) -> Tensor:
        """Places of (image, layout) items in the store, made where there was none; (B,), (B, L) -> (B,)."""
        places = [self.slots.setdefault(key, len(self.slots)) for key in self._keys(images, ids)]
        while len(self.slots) > len(self.values):
            self.values = torch.cat([self.values, torch.full_like(self.values, float('nan'))])
        return torch.tensor(places, dtype=torch.long)

    def known(self, images: Tensor, ids: Tensor) -> Tensor:
        """Errors of (image, layout) items, nan where there are none; (B,), (B, L) -> (B, P). Nothing is stored."""
        unknown = self.values.new_full((self.values.shape[1],), float('nan'))
        places = [self.slots.get(key) for key in self._keys(images, ids)]
        return torch.stack([unknown if place is None else self.values[place] for place in places])

    def _keys(self, images: Tensor, ids: Tensor) -> list[tuple[int, bytes]]:
        rows = self.canonical(ids.cpu()).int().numpy()
        return [(image, row.tobytes()) for image, row in zip(images.tolist(), rows)]

    def canonical(self, ids: Tensor) -> Tensor:
        """Layouts with their objects sorted, where order does not matter, (B, L) -> (B, L)."""
        if not self.order_free:
            return ids
        objects = self.vocabulary.objects(ids)
        base = self.vocabulary.num_tokens + 1
        order = ((objects[..., 0] * base + objects[..., 1]) * base + objects[..., 2]).argsort(dim=-1)
        ordered = objects.gather(-2, order[..., None].expand_as(objects)).flatten(-2)
        return torch.cat([ordered, ids[..., ordered.shape[-1]:]], dim=-1)
