"""Layouts searched object by object: coarse boxes first, then exact local moves."""
import torch
from torch import Tensor

from dive_mmdet.registry import MODELS
from dive_mmdet.structures import Inversion

from .evidence import class_margin, object_evidence, remove
from .moves import SIDE_MOVES, class_moves, coarse_boxes, corners_to_steps, move_boxes, put, steps_to_corners
from .posterior import Posterior
from .trace import Trace


@MODELS.register_module()
class ProposalInverter:
    """Greedy proposals with exact refinement; every number it looks at is an energy of the frozen generator.

    1. An atlas, made once for all images: what the generator expects of an image with one object of unknown class in
       each box of a coarse grid (`Posterior.expectation`).
    2. The next object: boxes are ranked by how much the error of the current layout's expectation would fall if the
       box added the same to it as to the empty layout. The best `finalists` distinct ones are moved locally until no
       move lowers the energy, then given each class, and the best `hypotheses` are moved again; the best one stays if
       it lowers the energy by more than `min_gain`. Only the ranking is approximate, energies decide.
    3. All objects are polished in turn by box moves and class changes on `polish_pairs`; an object whose evidence
       falls below `min_gain` goes.
    4. Second thoughts, `revisit` times: each object is taken out and up to two replacements are looked for, which takes
       back a box that covers two objects; and overlapping objects are merged, which takes back two boxes on one.

    Args:
        sides, aspects, overlap: of the coarse boxes, see `coarse_boxes`.
        min_side, max_side: bounds of a box's sides as parts of the image's side.
        refine_pairs, class_pairs, polish_pairs: first pairs of the bank, the noisier ones, on which moves are compared
            in each stage; what stays is decided on the whole bank.
        finalists: boxes refined for each object.
        hypotheses: classified boxes refined again for each object.
        distinct: two finalists overlap by at most this IoU.
        first_step: of the local moves as a part of the image's side; halved down to one grid step.
        max_moves: of one box in one refinement.
        min_gain: energy that an object must be worth.
        polish_rounds: at most.
        revisit: rounds of second thoughts.
        refine: a `GradientInverter` config that goes on from the found layout; none by default.
    """

    def __init__(self, sides: list[float], aspects: list[float], overlap: float = 0.5, min_side: float = 0.05,
                 max_side: float = 1.0, refine_pairs: int = 1, class_pairs: int = 1, polish_pairs: int = 2,
                 finalists: int = 3, hypotheses: int = 3, distinct: float = 0.3, first_step: float = 1 / 16,
                 max_moves: int = 12, min_gain: float = 0.0, polish_rounds: int = 2, revisit: int = 1,
                 refine: dict | None = None):
        self.sides, self.aspects, self.overlap = sides, aspects, overlap
        self.min_side, self.max_side = min_side, max_side
        self.refine_pairs, self.class_pairs, self.polish_pairs = refine_pairs, class_pairs, polish_pairs
        self.finalists, self.hypotheses, self.distinct = finalists, hypotheses, distinct
        self.first_step, self.max_moves, self.min_gain = first_step, max_moves, min_gain
        self.polish_rounds, self.revisit = polish_rounds, revisit
        self.refine = MODELS.build(refine) if refine else None
        self.atlas_key, self.shared_nfe = None, 0

    def invert(self, posterior: Posterior) -> Inversion:
        """Search the layouts of N images side by side."""
        self.posterior, self.vocabulary = posterior, posterior.vocabulary
        grid = self.vocabulary.grid
        self.bounds = max(1, round(self.min_side * (grid - 1))), round(self.max_side * (grid - 1))
        self.max_step = max(1, round(self.first_step * (grid - 1)))
        self.boxes = coarse_boxes(grid, self.sides, self.aspects, self.overlap)
        self.trace = Trace(posterior)
        images = torch.arange(len(posterior))
        ids = self.vocabulary.empty().repeat(len(images), 1)
        self.trace.add(images, ids, self._energy(images, ids))
        self._make_atlas()
        ids = self._grow(images, ids, self.vocabulary.num_objects)
        ids = self._polish(images, ids)
        if self.revisit:
            ids = self._reconsider(images, ids)
        if self.refine is not None:
            ids = self.refine.descend(posterior, ids, self.trace)
        energy = posterior.energy(images, ids)
        return Inversion(ids=ids, energy=energy, evidence=object_evidence(posterior, ids, energy),
                         margin=class_margin(posterior, ids, energy), nfe=posterior.nfe.clone(),
                         trace=self.trace.courses)

    def _energy(self, images: Tensor, ids: Tensor, num_pairs: int | None = None) -> Tensor:
        """Energies on the first pairs of the bank, by default on all, which is what decisions are made on."""
        return self.posterior.energy(images, ids, min(num_pairs or self.posterior.num_pairs, self.posterior.num_pairs))

    def _energies(self, images: Tensor, layouts: Tensor, num_pairs: int) -> Tensor:
        """(B,), (B, M, L) -> (B, M)."""
        count = layouts.shape[1]
        return self._energy(images.repeat_interleave(count), layouts.flatten(0, 1), num_pairs).view(-1, count)

    def _with_boxes(self, ids: Tensor, slots: Tensor, chosen: Tensor) -> Tensor:
        """Layouts with a coarse box of unknown class in a slot, (B, L), (B,), (B, M) -> (B, M, L)."""
        count = chosen.shape[1]
        corners = steps_to_corners(self.boxes[chosen.flatten()], self.vocabulary.grid)
        unknown = torch.full((len(corners),), self.vocabulary.any_class)
        return put(ids.repeat_interleave(count, dim=0), slots.repeat_interleave(count), unknown, corners,
                   self.vocabulary).view(len(ids), count, -1)

    def _free_slot(self, ids: Tensor) -> Tensor:
        """First absent object, (B, L) -> (B,); K where all are present."""
        present = self.vocabulary.is_present(ids)
        return torch.where(present.all(dim=1), present.shape[1], present.int().argmin(dim=1))

    def _make_atlas(self) -> None:
        """What each coarse box adds to the expectation of the empty layout, (G, c h w); kept while weights stay."""
        generator = self.posterior.generator
        key = tuple((parameter.data_ptr(), parameter._version) for parameter in generator.parameters())
        if self.atlas_key == key:
            return
        empty = self.vocabulary.empty()[None]
        every = torch.arange(len(self.boxes))[None]
        layouts = self._with_boxes(empty, torch.zeros(1, dtype=torch.long), every)[0]
        expected = self.posterior.expectation(torch.cat([empty, layouts])).flatten(1)
        self.atlas = expected[1:] - expected[:1]
        self.atlas_energy = self.atlas.square().sum(dim=1)
        self.atlas_key, self.shared_nfe = key, self.shared_nfe + len(expected)

    def _rank(self, images: Tensor, ids: Tensor) -> Tensor:
        """By how much each coarse box would lower the squared error of the expectation, (B, G)."""
        latents = self.posterior.latents[images.to(self.posterior.latents.device)]
        residual = (latents - self.posterior.expectation(ids)).flatten(1)
        self.posterior.nfe.index_add_(0, images, torch.ones_like(images))
        return (2 * residual @ self.atlas.T - self.atlas_energy).cpu()

    def _grow(self, images: Tensor, ids: Tensor, count: int) -> Tensor:
        """Add up to `count` objects to each layout; `images` may name an image several times."""
        ids = ids.clone()
        active = torch.arange(len(images))
        for _ in range(count):
            active = active[self._free_slot(ids[active]) < self.vocabulary.num_objects]
            if not len(active):
                break
            added, gain = self._next_object(images[active], ids[active])
            keep = gain > self.min_gain
            active = active[keep]
            ids[active] = added[keep]
            self.trace.add(images[active], ids[active], self._energy(images[active], ids[active]))
        return ids

    def _next_object(self, images: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """The best further object of each layout and its gain, (B, L) and (B,)."""
        slots = self._free_slot(ids)
        keep = self._distinct(self._rank(images, ids))                                # (B, F)
        finalists = self._with_boxes(ids, slots, keep).flatten(0, 1)
        count = keep.shape[1]
        finalists = self._refine(images.repeat_interleave(count), finalists, slots.repeat_interleave(count),
                                 self.refine_pairs, self.max_step)
        chosen = self._classify(images, finalists.view(len(ids), count, -1), slots, self.class_pairs)
        return chosen, self._energy(images, ids) - self._energy(images, chosen)

    def _classify(self, images: Tensor, boxes: Tensor, slots: Tensor, num_pairs: int) -> Tensor:
        """Give each of several boxes each class, refine the best `hypotheses`, (B, F, L) -> the best one (B, L)."""
        count = boxes.shape[1]
        layouts = class_moves(boxes.flatten(0, 1), slots.repeat_interleave(count), self.vocabulary.class_ids,
                              self.vocabulary).view(len(images), -1, boxes.shape[2])
        energies = self._energies(images, layouts, num_pairs)
        top = energies.topk(min(self.hypotheses, energies.shape[1]), dim=1, largest=False).indices
        several = layouts.gather(1, top[..., None].expand(-1, -1, layouts.shape[2]))
        count = several.shape[1]
        where = images.repeat_interleave(count)
        several = self._refine(where, several.flatten(0, 1), slots.repeat_interleave(count), num_pairs, 2)
        best = self._energy(where, several).view(-1, count).argmin(dim=1)
        return several.view(len(images), count, -1)[torch.arange(len(images)), best]

    def _distinct(self, ranks: Tensor) -> Tensor:
        """The `finalists` best boxes that overlap little, (B, G) -> (B, F)."""
        ranks, picks = ranks.clone(), []
        for _ in range(min(self.finalists, len(self.boxes))):
            pick = ranks.argmax(dim=1)
            picks.append(pick)
            ranks[_iou(self.boxes[pick][:, None], self.boxes) > self.distinct] = -float('inf')
        return torch.stack(picks, dim=1)

    def _refine(self, images: Tensor, ids: Tensor, slots: Tensor, num_pairs: int, step: int) -> Tensor:
        """Move one box of each layout to a local minimum, steps halving from `step` to 1."""
        ids, energy = ids.clone(), self._energy(images, ids, num_pairs)
        steps = torch.full((len(ids),), step)
        active = torch.arange(len(ids))
        for _ in range(self.max_moves):
            if not len(active):
                break
            best, lowest = self._best_move(images[active], ids[active], slots[active], steps[active],
                                           energy[active], num_pairs)
            better = lowest < energy[active]
            moved = active[better]
            ids[moved], energy[moved] = best[better], lowest[better]
            steps[active[~better]] //= 2
            active = active[steps[active] > 0]
        return ids

    def _best_move(self, images: Tensor, ids: Tensor, slots: Tensor, steps: Tensor, energy: Tensor,
                   num_pairs: int) -> tuple[Tensor, Tensor]:
        """Each side out and in by a step, and what helps on its own done together; the best layout and its energy."""
        moves = SIDE_MOVES * steps[:, None, None]                                     # (B, 8, 4)
        layouts, valid = move_boxes(ids, slots, moves, self.vocabulary, self.bounds)
        energies = self._energies(images, layouts, num_pairs).masked_fill(~valid, float('inf'))
        lowest, way = energies.view(-1, 4, 2).min(dim=2)                              # of each side
        helpful = lowest < energy[:, None]
        together = (moves.view(-1, 4, 2, 4).gather(2, way[:, :, None, None].expand(-1, -1, 1, 4))[:, :, 0]
                    * helpful[..., None]).sum(dim=1, keepdim=True)
        joint, joint_valid = move_boxes(ids, slots, together, self.vocabulary, self.bounds)
        several = joint_valid[:, 0] & (helpful.sum(dim=1) > 1)
        joint_energy = torch.full_like(energy, float('inf'))
        joint_energy[several] = self._energy(images[several], joint[several, 0], num_pairs)
        layouts = torch.cat([layouts, joint], dim=1)
        lowest, best = torch.cat([energies, joint_energy[:, None]], dim=1).min(dim=1)
        return layouts[torch.arange(len(ids)), best], lowest

    def _polish(self, images: Tensor, ids: Tensor) -> Tensor:
        """Box moves, class changes and removals of all objects in turn, until a round changes nothing."""
        ids = ids.clone()
        pending = torch.arange(len(images))
        for _ in range(self.polish_rounds):
            before = ids.clone()
            for slot in range(self.vocabulary.num_objects):
                has = pending[self.vocabulary.is_present(ids[pending])[:, slot]]
                if not len(has):
                    continue
                slots = torch.full((len(has),), slot)
                where = images[has]
                moved = self._classify(where, ids[has][:, None], slots, self.polish_pairs)
                without = remove(self.posterior, moved, slots)
                worth = self._energy(where, without) - self._energy(where, moved)
                ids[has] = torch.where((worth > self.min_gain)[:, None], moved, without)
            changed = (ids[pending] != before[pending]).any(dim=1)
            pending = pending[changed]
            self.trace.add(images[pending], ids[pending], self._energy(images[pending], ids[pending]))
            if not len(pending):
                break
        return ids

    def _reconsider(self, images: Tensor, ids: Tensor) -> Tensor:
        """Second thoughts: each object is taken out and up to two others are looked for; overlapping pairs are merged.

        The best change of each image is made and polished, until a round changes nothing.
        """
        pending = torch.arange(len(images))
        for _ in range(self.revisit):
            changes = [self._regrown(images[pending], ids[pending]), self._merged(images[pending], ids[pending])]
            which, tried = (torch.cat(parts) for parts in zip(*changes))
            cost = self._cost(images[pending], ids[pending])
            tried_cost = self._cost(images[pending][which], tried)
            better = torch.zeros(len(pending), dtype=torch.bool)
            for item in tried_cost.argsort().tolist():
                place = int(which[item])
                if tried_cost[item] < cost[place] and not better[place]:
                    ids[pending[place]] = tried[item]
                    better[place] = True
            pending = pending[better]
            if not len(pending):
                break
            ids[pending] = self._polish(images[pending], ids[pending])
        return ids

    def _cost(self, images: Tensor, ids: Tensor) -> Tensor:
        """Energy plus what the objects must be worth, (B,)."""
        return self._energy(images, ids) + self.min_gain * self.vocabulary.is_present(ids).sum(dim=1)

    def _regrown(self, images: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Layouts with one object taken out and up to two looked for anew, and whose they are, (M,), (M, L)."""
        which, slots = self.vocabulary.is_present(ids).nonzero(as_tuple=True)
        return which, self._grow(images[which], remove(self.posterior, ids[which], slots), 2)

    def _merged(self, images: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Layouts with two overlapping objects replaced by one that covers both, and whose they are, (M,), (M, L)."""
        boxes = corners_to_steps(self.vocabulary.objects(ids)[..., 1:], self.vocabulary.grid)       # (B, K, 4)
        present = self.vocabulary.is_present(ids)
        both = (present[:, :, None] & present[:, None]).triu(diagonal=1)
        a, b = boxes[:, :, None], boxes[:, None]
        union = torch.cat([torch.minimum(a[..., :2], b[..., :2]), torch.maximum(a[..., 2:], b[..., 2:])], dim=-1)
        fits = (union[..., 2:] - union[..., :2] <= self.bounds[1]).all(dim=-1)
        which, first, second = (both & fits & (_iou(a, b) > 0)).nonzero(as_tuple=True)
        if not len(which):
            return which, ids[which]
        unknown = torch.full_like(which, self.vocabulary.any_class)
        merged = put(remove(self.posterior, ids[which], second), first, unknown,
                     steps_to_corners(union[which, first, second], self.vocabulary.grid), self.vocabulary)
        merged = self._refine(images[which], merged, first, self.refine_pairs, self.max_step)
        return which, self._classify(images[which], merged[:, None], first, self.class_pairs)


def _iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU of boxes that broadcast, (..., 4), (..., 4) -> (...)."""
    extent = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0)
    shared = extent.prod(dim=-1).float()
    area = [(box[..., 2:] - box[..., :2]).prod(dim=-1).float() for box in (a, b)]
    return shared / (area[0] + area[1] - shared).clamp(min=1)
