"""Exact local moves: one object's box and class, on the energies of a posterior."""
import torch
from torch import Tensor

from .evidence import remove
from .moves import SIDE_MOVES, class_moves, corners_to_steps, move_boxes
from .posterior import Posterior
from .slopes import guided_layouts, helpful_together, single_steps


class LocalSearch:
    """Moves one object of each of many layouts downhill.

    Args:
        posterior: of the images.
        bounds: shortest and longest side of a box in grid steps.
        max_moves: of one box in one refinement.
        slack: hypotheses are refined whose object gains at least 1 - slack times what the best one gains.
        guided: the gradient says which moves are worth an energy (`slopes.py`); else all single moves are compared.
    """

    def __init__(self, posterior: Posterior, bounds: tuple[int, int], max_moves: int, slack: float = 1.0,
                 guided: bool = False):
        self.posterior, self.vocabulary = posterior, posterior.vocabulary
        self.bounds, self.max_moves, self.slack, self.guided = bounds, max_moves, slack, guided

    def energy(self, images: Tensor, ids: Tensor, num_pairs: int | None = None) -> Tensor:
        """Energies on the first pairs of the bank, by default on all, which is what decisions are made on; (B,)."""
        return self.posterior.energy(images, ids, min(num_pairs or self.posterior.num_pairs, self.posterior.num_pairs))

    def energies(self, images: Tensor, layouts: Tensor, num_pairs: int) -> Tensor:
        """Energies of several layouts an image, (B,), (B, M, L) -> (B, M)."""
        count = layouts.shape[1]
        return self.energy(images.repeat_interleave(count), layouts.flatten(0, 1), num_pairs).view(-1, count)

    def refine(self, images: Tensor, ids: Tensor, slots: Tensor, num_pairs: int, step: int,
               decide_pairs: int | None = None, shortest: int = 0) -> Tensor:
        """Move one box of each layout to a local minimum, steps halving from `step` to 1.

        Args:
            images, ids, slots: (B,), (B, L), (B,).
            num_pairs: on which moves are compared.
            step: first one, in grid steps.
            decide_pairs: on which the two best moves are compared with staying, where that is more; `num_pairs` by
                default.
            shortest: compare all single moves down to this step, whatever the gradient says, which knows little about
                long ones.

        Returns:
            (B, L).
        """
        decide_pairs = max(num_pairs, decide_pairs or num_pairs)
        if self.guided and not shortest:
            movable = torch.nn.functional.one_hot(slots, self.vocabulary.num_objects).bool()
            return self._descend(images, ids, movable, num_pairs, step, decide_pairs)
        ids, energy = ids.clone(), self.energy(images, ids, decide_pairs)
        steps = torch.full((len(ids),), step)
        active = torch.arange(len(ids))
        for _ in range(self.max_moves):
            if not len(active):
                break
            best, least = self._best_move(images[active], ids[active], slots[active], steps[active], num_pairs,
                                          decide_pairs)
            better = least < energy[active]
            moved = active[better]
            ids[moved], energy[moved] = best[better], least[better]
            steps[active[~better]] //= 2
            active = active[steps[active] >= max(1, shortest)]
        return ids

    def refine_several(self, images: Tensor, ids: Tensor, slots: list[Tensor], num_pairs: int, step: int) -> Tensor:
        """Move the boxes of several objects of each layout, together where the gradient guides; see `refine`."""
        if not self.guided:
            for slot in slots:
                ids = self.refine(images, ids, slot, num_pairs, step)
            return ids
        movable = sum(torch.nn.functional.one_hot(slot, self.vocabulary.num_objects) for slot in slots).bool()
        return self._descend(images, ids, movable, num_pairs, step, num_pairs)

    def refine_all(self, images: Tensor, ids: Tensor, num_pairs: int, step: int, decide_pairs: int,
                   exact_pairs: int = 0) -> Tensor:
        """Move the boxes of all objects, at once where the gradient guides, else in turn; see `refine`.

        Args:
            exact_pairs: on which all single steps of all sides are compared then, in case one is better of which the
                gradient does not know, as long as there is one; 0 leaves that out.

        Returns:
            (B, L).
        """
        ids, movable = ids.clone(), self.vocabulary.is_present(ids)
        if not self.guided:
            for slot, has in enumerate(movable.T):
                ids[has] = self.refine(images[has], ids[has], torch.full_like(images[has], slot), num_pairs, step,
                                       decide_pairs)
            return ids
        ids = self._descend(images, ids, movable, num_pairs, step, decide_pairs)
        active = torch.arange(len(ids))
        for _ in range(self.max_moves if exact_pairs else 0):
            energy = self.energy(images[active], ids[active], decide_pairs)
            layouts, energies = self._single_steps(images[active], ids[active], movable[active], exact_pairs)
            best, least = self._decide(images[active], layouts, energies, exact_pairs, decide_pairs)
            better = least < energy
            active, best = active[better], best[better]
            if not len(active):
                break
            ids[active] = self._descend(images[active], best, movable[active], num_pairs, step, decide_pairs)
        return ids

    def _descend(self, images: Tensor, ids: Tensor, movable: Tensor, num_pairs: int, step: int,
                 decide_pairs: int) -> Tensor:
        """The best of the moves that the gradient recommends, until none is better; movable (B, K)."""
        ids, energy = ids.clone(), self.energy(images, ids, decide_pairs)
        active = torch.arange(len(ids))
        for _ in range(self.max_moves):
            if not len(active):
                break
            where = images[active]
            layouts, new = guided_layouts(self.posterior, where, ids[active], movable[active], self.bounds, step,
                                          num_pairs)
            best, least = self._decide(where, layouts, self._energies_of(where, layouts, new, num_pairs), num_pairs,
                                       decide_pairs)
            better = least < energy[active]
            active, best, least = active[better], best[better], least[better]
            ids[active], energy[active] = best, least
        return ids

    def _single_steps(self, images: Tensor, ids: Tensor, movable: Tensor, num_pairs: int) -> tuple[Tensor, Tensor]:
        """All single steps of all sides, and what helps on its own done together; (B, M, L), (B, M)."""
        steps, new = single_steps(self.vocabulary, ids, movable, self.bounds)
        energies = self._energies_of(images, steps, new, num_pairs)
        gain = self.energy(images, ids, num_pairs)[:, None] - energies
        together, new = helpful_together(self.vocabulary, ids, gain, self.bounds)
        return (torch.cat([steps, together], dim=1),
                torch.cat([energies, self._energies_of(images, together, new, num_pairs)], dim=1))

    def _energies_of(self, images: Tensor, layouts: Tensor, new: Tensor, num_pairs: int) -> Tensor:
        """Energies of the layouts that are new, inf for the others, (B,), (B, M, L), (B, M) -> (B, M)."""
        energies = torch.full(new.shape, float('inf'))
        energies[new] = self.energy(images[:, None].expand_as(new)[new], layouts[new], num_pairs)
        return energies

    def classify(self, images: Tensor, boxes: Tensor, slots: Tensor, num_pairs: int, hypotheses: int,
                 area_exponent: float = 0.0, move_pairs: int | None = None, reach: float | None = None) -> Tensor:
        """Give each of several boxes each class, refine the best `hypotheses` and take the best.

        Args:
            images, slots: (B,).
            boxes: (B, F, L) layouts that differ in the slot's box.
            num_pairs: on which classes are compared; the whole bank decides at the end.
            hypotheses: classified boxes refined for each image.
            area_exponent: the best has the most gain over area to this power; 0 means the lowest energy.
            move_pairs: on which boxes are moved, and classes compared first where these are fewer; `num_pairs` by
                default.
            reach: energy that moving a box may gain; hypotheses further above the best one are not moved. By default
                `slack` decides.

        Returns:
            (B, L).
        """
        if not len(images):
            return boxes[:, 0]
        layouts = class_moves(boxes.flatten(0, 1), slots.repeat_interleave(boxes.shape[1]), self.vocabulary.class_ids,
                              self.vocabulary).view(len(images), -1, boxes.shape[2])
        move_pairs = move_pairs or num_pairs
        if move_pairs < num_pairs:
            layouts = lowest(layouts, self.cost(images, layouts, slots, move_pairs, area_exponent), hypotheses)
        cost = self.cost(images, layouts, slots, num_pairs, area_exponent)
        least, order = cost.topk(min(hypotheses, cost.shape[1]), dim=1, largest=False)
        several = layouts.gather(1, order[..., None].expand(-1, -1, layouts.shape[2]))
        # One that is too far behind becomes a copy of the best, which costs nothing.
        if reach is None:
            behind = (least[:, :1] < 0) & (least > (1 - self.slack) * least[:, :1])
        else:
            behind = least > least[:, :1] + reach
        several = torch.where(behind[..., None], several[:, :1], several)
        count = several.shape[1]
        several = self.refine(images.repeat_interleave(count), several.flatten(0, 1), slots.repeat_interleave(count),
                              move_pairs, 2).view(several.shape)
        best = self.cost(images, several, slots, self.posterior.num_pairs, area_exponent).argmin(dim=1)
        return several[torch.arange(len(images)), best]

    def cost(self, images: Tensor, layouts: Tensor, slots: Tensor, num_pairs: int, area_exponent: float) -> Tensor:
        """Minus what one object gains over its area to a power, (B,), (B, M, L) -> (B, M)."""
        energies = self.energies(images, layouts, num_pairs)
        gain = self.energy(images, remove(self.posterior, layouts[:, 0], slots), num_pairs)[:, None] - energies
        gain = gain.nan_to_num(nan=-float('inf'), posinf=float('inf'))  # both beyond the budget
        corners = self.vocabulary.objects(layouts)[torch.arange(len(images)), :, slots, 1:]
        boxes = corners_to_steps(corners, self.vocabulary.grid)
        area = (boxes[..., 2:] - boxes[..., :2]).prod(dim=-1).float()
        return -torch.where(gain > 0, gain / area ** area_exponent, gain)

    def lower(self, images: Tensor, ids: Tensor, others: Tensor) -> Tensor:
        """Of two layouts the one of the lower energy on the whole bank, the first where they are equal."""
        better = self.energy(images, others) < self.energy(images, ids)
        return torch.where(better[:, None], others, ids)

    def _best_move(self, images: Tensor, ids: Tensor, slots: Tensor, steps: Tensor, num_pairs: int,
                   decide_pairs: int) -> tuple[Tensor, Tensor]:
        """Each side out and in by a step, and what helps on its own done together; the best layout and its energy."""
        moves = SIDE_MOVES * steps[:, None, None]                                     # (B, 8, 4)
        layouts, valid = move_boxes(ids, slots, moves, self.vocabulary, self.bounds)
        energies = self.energies(images, layouts, num_pairs).masked_fill(~valid, float('inf'))
        least, way = energies.view(-1, 4, 2).min(dim=2)                               # of each side
        helpful = least < self.energy(images, ids, num_pairs)[:, None]
        together = (moves.view(-1, 4, 2, 4).gather(2, way[:, :, None, None].expand(-1, -1, 1, 4))[:, :, 0]
                    * helpful[..., None]).sum(dim=1, keepdim=True)
        joint, joint_valid = move_boxes(ids, slots, together, self.vocabulary, self.bounds)
        several = joint_valid[:, 0] & (helpful.sum(dim=1) > 1)
        joint_energy = torch.full((len(ids),), float('inf'))
        joint_energy[several] = self.energy(images[several], joint[several, 0], num_pairs)
        layouts, energies = torch.cat([layouts, joint], dim=1), torch.cat([energies, joint_energy[:, None]], dim=1)
        return self._decide(images, layouts, energies, num_pairs, decide_pairs)

    def _decide(self, images: Tensor, layouts: Tensor, energies: Tensor, num_pairs: int,
                decide_pairs: int) -> tuple[Tensor, Tensor]:
        """The best layout and its energy, (B, M, L), (B, M) -> (B, L), (B,); the two best meet on `decide_pairs`."""
        if decide_pairs > num_pairs:
            energies, order = energies.topk(2, dim=1, largest=False)
            layouts = layouts.gather(1, order[..., None].expand(-1, -1, layouts.shape[2]))
            possible = energies.isfinite()
            energies[possible] = self.energy(images[:, None].expand(-1, 2)[possible], layouts[possible], decide_pairs)
        least, best = energies.min(dim=1)
        return layouts[torch.arange(len(layouts)), best], least


def lowest(layouts: Tensor, cost: Tensor, count: int) -> Tensor:
    """The `count` layouts of the lowest cost, (B, M, L), (B, M) -> (B, count, L)."""
    top = cost.topk(min(count, cost.shape[1]), dim=1, largest=False).indices
    return layouts.gather(1, top[..., None].expand(-1, -1, layouts.shape[2]))
