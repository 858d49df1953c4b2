"""Changes of a found layout that no chain of improving box moves reaches."""
import torch
from torch import Tensor

from .evidence import remove
from .local_search import LocalSearch, lowest
from .moves import corners_to_steps, put, split_boxes, steps_to_corners

WAYS = 3  # to share a box that are tried with moved boxes


class Rearrangements:
    """Offers other layouts for the objects of a found one; whether one is better, its energy decides.

    Boxes are tried as objects of unknown class first, so that what looks worse at once costs little.

    Args:
        local: moves of single objects.
        num_pairs: first pairs of the bank, on which moves are compared.
        hypotheses: classified boxes refined for each object.
        step: longest of the local moves in grid steps; objects at most this far apart are neighbours.
    """

    def __init__(self, local: LocalSearch, num_pairs: int, hypotheses: int, step: int):
        self.local, self.posterior, self.vocabulary = local, local.posterior, local.vocabulary
        self.num_pairs, self.hypotheses, self.step = num_pairs, hypotheses, step

    def offers(self, images: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Other layouts and whose they are, (B,), (B, L) -> (M,) indices of rows of `ids`, (M, L)."""
        every = [offer(images, ids) for offer in (self.split, self.merge, self.repartition, self.rebox)]
        which, offered = zip(*every)
        return torch.cat(which), torch.cat(offered)

    def split(self, images: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """One object becomes two that share its box, where there is a free slot; (M,), (M, L)."""
        free = self.vocabulary.free_slot(ids)
        has_room = free < self.vocabulary.num_objects
        which, slots = (self.vocabulary.is_present(ids) & has_room[:, None]).nonzero(as_tuple=True)
        boxes = self._boxes(ids)[which, slots]
        one = self._unknown(ids[which], slots, boxes)
        return self._share(images, ids, which, one, (slots, free[which]), boxes)

    def repartition(self, images: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Two neighbours share their common box in another way; (M,), (M, L)."""
        which, first, second, union = self._neighbours(ids)
        boxes, two = self._boxes(ids)[which], ids[which]
        for slots in (first, second):
            two = self._unknown(two, slots, boxes[torch.arange(len(which)), slots])
        return self._share(images, ids, which, two, (first, second), union)

    def merge(self, images: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """One object covers two neighbours; (M,), (M, L)."""
        which, first, second, union = self._neighbours(ids)
        fits = (union[:, 2:] - union[:, :2] <= self.local.bounds[1]).all(dim=1)
        which, first, second, union = which[fits], first[fits], second[fits], union[fits]
        merged = self._unknown(remove(self.posterior, ids[which], second), first, union)
        moved = self.local.refine(images[which], merged, first, self.num_pairs, self.step)
        return which, self._classify(images[which], torch.stack([merged, moved], dim=1), first)

    def rebox(self, images: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """One object's box goes in long steps to where an object of unknown class or of its own would be; (M,), (M, L).
        """
        which, slots = self.vocabulary.is_present(ids).nonzero(as_tuple=True)
        boxes = self._boxes(ids)[which, slots]
        moved = torch.stack([self.local.refine(images[which], start, slots, self.num_pairs, 4 * self.step,
                                               shortest=self.step)
                             for start in (self._unknown(ids[which], slots, boxes), ids[which])], dim=1)
        own = self._boxes(moved)[torch.arange(len(which)), :, slots]                  # (M, 2, 4)
        distance = (own - boxes[:, None]).abs().amax(dim=2)
        far = (distance >= self.step).any(dim=1)
        return which[far], self._classify(images[which[far]], moved[far], slots[far])

    def _share(self, images: Tensor, ids: Tensor, which: Tensor, rival: Tensor, slots: tuple[Tensor, Tensor],
               boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Two objects that share a box (M, 4), where unknown classes make that better than a rival (M, L).

        The best ways to share it are compared when the two boxes have moved: few objects fill half of a box.
        """
        if not len(which):
            return which, ids[which]
        ways = split_boxes(boxes, self.local.bounds)                                  # (M, S, 2, 4)
        shared = ids[which].repeat_interleave(ways.shape[1], dim=0)
        for index, slot in enumerate(slots):
            shared = self._unknown(shared, slot.repeat_interleave(ways.shape[1]), ways[:, :, index].flatten(0, 1))
        shared = shared.view(*ways.shape[:2], -1)
        best = lowest(shared, self.local.energies(images[which], shared, self.num_pairs), WAYS)     # (M, W, L)
        own = images[which].repeat_interleave(best.shape[1])
        both = [slot.repeat_interleave(best.shape[1]) for slot in slots]
        moved = self.local.refine_several(own, best.flatten(0, 1), both, self.num_pairs, 2 * self.step).view(best.shape)
        energy, first = self.local.energies(images[which], moved, self.posterior.num_pairs).min(dim=1)
        best = moved[torch.arange(len(which)), first]
        keep = energy < self.local.energy(images[which], rival)
        which, best, slots = which[keep], best[keep], [slot[keep] for slot in slots]
        for slot in slots:
            best = self._classify(images[which], best[:, None], slot)
        return which, best

    def _neighbours(self, ids: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Pairs of neighbours: whose they are, both slots (M,), and their common box (M, 4)."""
        boxes, present = self._boxes(ids), self.vocabulary.is_present(ids)
        a, b = boxes[:, :, None], boxes[:, None]                                      # (B, K, 1, 4), (B, 1, K, 4)
        gap = torch.maximum(a[..., :2], b[..., :2]) - torch.minimum(a[..., 2:], b[..., 2:])
        both = (present[:, :, None] & present[:, None]).triu(diagonal=1)
        which, first, second = (both & (gap <= self.step).all(dim=-1)).nonzero(as_tuple=True)
        union = torch.cat([torch.minimum(a[..., :2], b[..., :2]), torch.maximum(a[..., 2:], b[..., 2:])], dim=-1)
        return which, first, second, union[which, first, second]

    def _boxes(self, ids: Tensor) -> Tensor:
        """Boxes of all objects in grid coordinates, (B, L) -> (B, K, 4); of an absent one anything."""
        return corners_to_steps(self.vocabulary.objects(ids)[..., 1:], self.vocabulary.grid)

    def _unknown(self, ids: Tensor, slots: Tensor, boxes: Tensor) -> Tensor:
        """Layouts with an object of unknown class in a slot, (B, L), (B,), (B, 4) -> (B, L)."""
        unknown = torch.full((len(ids),), self.vocabulary.any_class)
        return put(ids, slots, unknown, steps_to_corners(boxes, self.vocabulary.grid), self.vocabulary)

    def _classify(self, images: Tensor, boxes: Tensor, slots: Tensor) -> Tensor:
        return self.local.classify(images, boxes, slots, self.num_pairs, self.hypotheses)
