"""Where a condition may lie: the rows of the frozen table, slot by slot."""
import torch
from torch import Tensor, nn

from dive_mmdet.diffusion import CoordinateTable, PromptTable
from dive_mmdet.layout import ClassVocabulary, LayoutVocabulary
from dive_mmdet.layout.vocabulary import CLASS

DISTANCES = ('l2', 'cosine', 'continuous')


class ConditionSpace:
    """Continuous conditions (B, L, D) and their projection on the table's rows.

    Where S rows stand for an id, conditions are (B, L S, D), and the S rows of a slot are one vector to be compared.

    Which rows a slot may go to, the vocabulary says: a class goes to the nearest class row and never to the null row;
    of a layout, class slots go to the nearest class row or none and corner slots to the nearest corner row, and an
    absent object is absent as a whole.

    Args:
        vocabulary: of the conditions.
        table: (num_tokens, D) or (num_tokens, S, D) rows, frozen.
        distance: `l2` or `cosine` projection (paper, section 3.3), or `continuous`, which projects only to answer.

    Raises:
        ValueError: an unknown distance, or cosine with a row of zeros.
    """

    def __init__(self, vocabulary: LayoutVocabulary | ClassVocabulary, table: Tensor, distance: str = 'l2'):
        if distance not in DISTANCES:
            raise ValueError(f"Unknown distance '{distance}': use one of {', '.join(DISTANCES)}.")
        self.vocabulary, self.table, self.distance = vocabulary, table.detach().flatten(1), distance
        self.dim = table.shape[-1]
        self.candidates = [(slots.to(table.device), ids.to(table.device)) for slots, ids in vocabulary.slot_candidates]
        if distance == 'cosine' and any(bool((self.table[ids].norm(dim=1) == 0).any()) for _, ids in self.candidates):
            raise ValueError('The table has a row of zeros, which has no direction: use the l2 distance.')

    def rows(self, ids: Tensor) -> Tensor:
        """Rows of ids, (..., L) -> (..., L S, D), on the table's device."""
        return self.table[ids.to(self.table.device)].unflatten(-1, (-1, self.dim)).flatten(-3, -2)

    def random(self, count: int, generator: torch.Generator) -> Tensor:
        """Start vectors, normal with the scalar mean and standard deviation of the whole table, (count, L S, D)."""
        shape = (count, self.vocabulary.length * self.table.shape[1] // self.dim, self.dim)
        noise = torch.randn(shape, generator=generator).to(self.table)
        return self.table.mean() + self.table.std() * noise

    def nearest(self, v: Tensor) -> Tensor:
        """Ids of the nearest allowed rows, (B, L S, D) -> (B, L)."""
        v = v.unflatten(1, (self.vocabulary.length, -1)).flatten(2)
        ids = torch.empty(v.shape[:2], dtype=torch.long, device=v.device)
        for slots, candidates in self.candidates:
            ids[:, slots] = self._nearest(v[:, slots], candidates)
        return self.vocabulary.settled(ids)

    def project(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """Ids (B, L) and rows (B, L S, D); the rows' gradient goes to `v` unchanged (straight-through)."""
        ids = self.nearest(v.detach())
        if self.distance == 'continuous':
            return ids, v
        return ids, (self.rows(ids) - v).detach() + v

    def _nearest(self, v: Tensor, candidates: Tensor) -> Tensor:
        rows = self.table[candidates]
        if self.distance == 'cosine':
            score = torch.nn.functional.normalize(v, dim=-1) @ torch.nn.functional.normalize(rows, dim=-1).T
        else:
            score = 2 * v @ rows.T - rows.square().sum(dim=1)
        return candidates[score.argmax(dim=-1)]


class CoordinateSpace(ConditionSpace):
    """Conditions whose corners are coordinates: nothing is looked up for a corner, so a grid costs nothing.

    A corner goes to the nearest grid point whatever the distance, since the direction of a point says nothing; a class
    to the nearest class vector; and the marker of a class row alone, at a half, says whether there is an object.

    Args:
        vocabulary, distance: as in `ConditionSpace`.
        table: of coordinates, frozen.

    Raises:
        ValueError: an unknown distance, or cosine with a class vector of zeros.
    """

    def __init__(self, vocabulary: LayoutVocabulary, table: CoordinateTable, distance: str = 'l2'):
        if distance not in DISTANCES:
            raise ValueError(f"Unknown distance '{distance}': use one of {', '.join(DISTANCES)}.")
        self.vocabulary, self.coordinates, self.distance = vocabulary, table, distance
        self.class_ids = vocabulary.class_ids.to(table.weight.device)
        self.table = self.rows(self.class_ids)[:, 1:]                                 # (M, D - 1) class vectors
        if distance == 'cosine' and bool((self.table.norm(dim=1) == 0).any()):
            raise ValueError('A class vector is zero, which has no direction: use the l2 distance.')
        self.is_class = (vocabulary.slot_kinds == CLASS).to(table.weight.device)      # (L,)

    def rows(self, ids: Tensor) -> Tensor:
        """Rows of ids, (...) -> (..., D), on the table's device."""
        return self.coordinates(ids.to(self.coordinates.weight.device)).detach()

    def random(self, count: int, generator: torch.Generator) -> Tensor:
        """Start vectors (count, L, D): boxes between two uniform points, class vectors normal as all of them are."""
        length, dim = self.vocabulary.length, self.coordinates.dim
        vectors = self.table.mean() + self.table.std() * torch.randn(count, length, dim - 1, generator=generator).to(
            self.table)
        corners = torch.rand(count, length, 2, generator=generator)
        boxes = self.vocabulary.objects(corners.transpose(1, 2)).transpose(1, 3)[:, 1:]  # (count, 2, K, 2) a view
        boxes.copy_(boxes.sort(dim=1).values)  # a reversed box covers nothing, so no gradient would turn it
        v = torch.cat([corners.to(vectors), vectors.new_zeros(count, length, dim - 2)], dim=2)
        classes = torch.cat([torch.ones_like(vectors[..., :1]), vectors], dim=2)
        return torch.where(self.is_class[:, None], classes, v)

    def nearest(self, v: Tensor) -> Tensor:
        """Ids that rows stand for, (B, L, D) -> (B, L)."""
        last = self.vocabulary.grid - 1
        steps = (v[..., :2] * last).round().clamp(0, last).long()
        classes = torch.where(v[..., 0] < 0.5, self.vocabulary.none, self._nearest(v[..., 1:]))
        return self.vocabulary.settled(torch.where(self.is_class, classes, steps[..., 1] * (last + 1) + steps[..., 0]))

    def _nearest(self, v: Tensor) -> Tensor:
        if self.distance == 'cosine':
            score = nn.functional.normalize(v, dim=-1) @ nn.functional.normalize(self.table, dim=-1).T
        else:
            score = 2 * v @ self.table.T - self.table.square().sum(dim=1)
        return self.class_ids[score.argmax(dim=-1)]


class PromptSpace(ConditionSpace):
    """Conditions whose rows are the words of a prompt: a place goes to the nearest place, a class to the nearest class.

    Classes have different numbers of words; the distance of one is the mean over those that it has. Whether there is a
    word is no number that a gradient moves: what a random condition draws of that stays.

    Args:
        vocabulary, distance: as in `ConditionSpace`.
        table: of words, frozen.

    Raises:
        ValueError: an unknown distance, or cosine with a word of zeros.
    """

    def __init__(self, vocabulary: LayoutVocabulary, table: PromptTable, distance: str = 'l2'):
        if distance not in DISTANCES:
            raise ValueError(f"Unknown distance '{distance}': use one of {', '.join(DISTANCES)}.")
        self.vocabulary, self.words, self.distance = vocabulary, table, distance
        device = table.weight.device
        self.class_ids = vocabulary.class_ids.to(device)
        of_classes = self.words(self.class_ids).detach()                              # (C, M, D)
        self.classes, self.has_word = of_classes[..., 1:], of_classes[..., 0]
        self.places = table.places.detach()[:, None]                                  # (n n, 1, W)
        self.is_class = (vocabulary.slot_kinds == CLASS).to(device)                   # (L,)
        if distance == 'cosine' and any(bool((each.norm(dim=-1) == 0).any()) for each in (
                self.places, self.classes[self.has_word > 0])):
            raise ValueError('A word is zero, which has no direction: use the l2 distance.')

    def rows(self, ids: Tensor) -> Tensor:
        """Rows of ids, (..., L) -> (..., L M, D), on the table's device."""
        return self.words(ids.to(self.class_ids.device)).detach().flatten(-3, -2)

    def random(self, count: int, generator: torch.Generator) -> Tensor:
        """Start vectors (count, L M, D): words normal as those of classes or places are, an object in half of the
        slots, each class of one word."""
        length, words, width = self.vocabulary.length, *self.classes.shape[1:]
        noise = torch.randn(count, length, words, width, generator=generator).to(self.classes)
        known = self.classes[self.has_word > 0]
        classes = known.mean() + known.std() * noise
        places = self.places.mean() + self.places.std() * noise
        vectors = torch.where(self.is_class[:, None, None], classes, places)
        there = torch.rand(count, length, generator=generator).round().to(vectors)
        rows = nn.functional.pad(vectors, (1, 0))
        rows[:, :, -1, 0] = torch.where(self.is_class, there, 1.0)
        return rows.flatten(1, 2)

    def nearest(self, v: Tensor) -> Tensor:
        """Ids that rows stand for, (B, L M, D) -> (B, L)."""
        v = v.unflatten(1, (self.vocabulary.length, -1))                              # (B, L, M, D)
        ids = torch.empty(v.shape[:2], dtype=torch.long, device=v.device)
        of_classes = self._nearest(v[:, self.is_class, :, 1:], self.classes, self.has_word)
        ids[:, self.is_class] = torch.where(v[:, self.is_class, -1, 0] < 0.5, self.vocabulary.none,
                                            self.class_ids[of_classes])
        of_places = v[:, ~self.is_class, -1:, 1:]
        ids[:, ~self.is_class] = self._nearest(of_places, self.places, of_places.new_ones(len(self.places), 1))
        return self.vocabulary.settled(ids)

    def _nearest(self, v: Tensor, words: Tensor, has_word: Tensor) -> Tensor:
        """(B, P, M, W), (R, M, W), (R, M) -> places among the R, (B, P)."""
        weight = has_word / has_word.sum(dim=1, keepdim=True)
        if self.distance == 'cosine':
            v, words = nn.functional.normalize(v, dim=-1), nn.functional.normalize(words, dim=-1)
        score = 2 * torch.einsum('bpmw,rmw->bpr', v, words * weight[..., None])
        if self.distance != 'cosine':
            score = score - (words.square().sum(dim=-1) * weight).sum(dim=1) - v.square().sum(dim=-1) @ weight.T
        return score.argmax(dim=-1)


def space_of(generator: nn.Module, distance: str) -> ConditionSpace:
    """The space of a generator's conditions."""
    if isinstance(generator.table, CoordinateTable):
        return CoordinateSpace(generator.vocabulary, generator.table, distance)
    if isinstance(generator.table, PromptTable):
        return PromptSpace(generator.vocabulary, generator.table, distance)
    return ConditionSpace(generator.vocabulary, generator.table.weight, distance)
