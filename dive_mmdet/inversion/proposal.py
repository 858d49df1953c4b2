"""Layouts searched object by object: coarse boxes first, then exact local moves."""
import torch
from torch import Tensor

from dive_mmdet.registry import MODELS
from dive_mmdet.structures import Inversion

from .atlas import Atlas
from .evidence import class_margin, object_evidence, remove
from .local_search import LocalSearch
from .moves import box_iou, coarse_boxes, corners_to_steps, put, steps_to_corners
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
                 finalists: int = 3, hypotheses: int = 3, distinct: float = 0.3,
                 first_step: float = 1 / 16, max_moves: int = 12, min_gain: float = 0.0, polish_rounds: int = 2,
                 revisit: int = 1, refine: dict | None = None):
        self.sides, self.aspects, self.overlap = sides, aspects, overlap
        self.min_side, self.max_side = min_side, max_side
        self.refine_pairs, self.class_pairs, self.polish_pairs = refine_pairs, class_pairs, polish_pairs
        self.finalists, self.hypotheses, self.distinct = finalists, hypotheses, distinct
        self.first_step, self.max_moves, self.min_gain = first_step, max_moves, min_gain
        self.polish_rounds, self.revisit = polish_rounds, revisit
        self.refine = MODELS.build(refine) if refine else None
        self.atlas, self.shared_nfe = None, 0

    def invert(self, posterior: Posterior) -> Inversion:
        """Search the layouts of N images side by side."""
        self.posterior, self.vocabulary = posterior, posterior.vocabulary
        spans = self.vocabulary.grid - 1
        self.max_step = max(1, round(self.first_step * spans))
        self.local = LocalSearch(posterior, (max(1, round(self.min_side * spans)), round(self.max_side * spans)),
                                 self.max_moves)
        if self.atlas is None or self.atlas.key != Atlas.key_of(posterior):
            self.atlas = Atlas(posterior, coarse_boxes(self.vocabulary.grid, self.sides, self.aspects, self.overlap))
            self.shared_nfe += self.atlas.nfe
        self.trace = Trace(posterior)
        images = torch.arange(len(posterior))
        ids = self.vocabulary.empty().repeat(len(images), 1)
        self._note(images, ids)
        ids = self._grow(images, ids, self.vocabulary.num_objects)
        ids = self._polish(images, ids)
        ids = self._reconsider(images, ids)
        if self.refine is not None:
            ids = self.refine.descend(posterior, ids, self.trace)
        energy = posterior.energy(images, ids)
        return Inversion(ids=ids, energy=energy, evidence=object_evidence(posterior, ids, energy),
                         margin=class_margin(posterior, ids, energy), nfe=posterior.nfe.clone(),
                         trace=self.trace.courses)

    def _note(self, images: Tensor, ids: Tensor) -> None:
        self.trace.add(images, ids, self.local.energy(images, ids))

    def _free_slot(self, ids: Tensor) -> Tensor:
        """First absent object, (B, L) -> (B,); K where all are present."""
        present = self.vocabulary.is_present(ids)
        return torch.where(present.all(dim=1), present.shape[1], present.int().argmin(dim=1))

    def _grow(self, images: Tensor, ids: Tensor, count: int, instead_of: Tensor | None = None) -> Tensor:
        """Add up to `count` objects to each layout, `instead_of` boxes (B, 4) when it is a trial."""
        ids = ids.clone()
        active = torch.arange(len(images))
        for _ in range(count):
            active = active[self._free_slot(ids[active]) < self.vocabulary.num_objects]
            if not len(active):
                break
            avoid = None if instead_of is None else instead_of[active]
            added, gain = self._next_object(images[active], ids[active], avoid)
            keep = gain > self.min_gain
            active = active[keep]
            ids[active] = added[keep]
            if instead_of is None:
                self._note(images[active], ids[active])
        return ids

    def _next_object(self, images: Tensor, ids: Tensor, avoid: Tensor | None) -> tuple[Tensor, Tensor]:
        """The best further object of each layout and its gain, (B, L) and (B,)."""
        slots = self._free_slot(ids)
        chosen = self.atlas.best(self.posterior, images, ids, self.finalists, self.distinct, avoid)
        finalists, count = self.atlas.with_boxes(ids, slots, chosen), chosen.shape[1]
        finalists = self.local.refine(images.repeat_interleave(count), finalists.flatten(0, 1),
                                      slots.repeat_interleave(count), self.refine_pairs, self.max_step)
        best = self.local.classify(images, finalists.view(len(ids), count, -1), slots, self.class_pairs,
                                   self.hypotheses)
        return best, self.local.energy(images, ids) - self.local.energy(images, best)

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
                moved = self.local.classify(where, ids[has][:, None], slots, self.polish_pairs, self.hypotheses)
                moved = self.local.lower(where, ids[has], moved)
                moved = self.local.refine(where, moved, slots, self.posterior.num_pairs, 1)
                moved = self.local.best_class(where, moved, slots)
                without = remove(self.posterior, moved, slots)
                worth = self.local.energy(where, without) - self.local.energy(where, moved)
                ids[has] = torch.where((worth > self.min_gain)[:, None], moved, without)
            changed = (ids[pending] != before[pending]).any(dim=1)
            pending = pending[changed]
            self._note(images[pending], ids[pending])
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
            self._note(images[pending], ids[pending])
        return ids

    def _cost(self, images: Tensor, ids: Tensor) -> Tensor:
        """Energy plus what the objects must be worth, (B,)."""
        return self.local.energy(images, ids) + self.min_gain * self.vocabulary.is_present(ids).sum(dim=1)

    def _regrown(self, images: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Layouts with one object taken out and up to two looked for anew, and whose they are, (M,), (M, L)."""
        which, slots = self.vocabulary.is_present(ids).nonzero(as_tuple=True)
        boxes = corners_to_steps(self.vocabulary.objects(ids)[which, slots, 1:], self.vocabulary.grid)
        return which, self._grow(images[which], remove(self.posterior, ids[which], slots), 2, instead_of=boxes)

    def _merged(self, images: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Layouts with two overlapping objects replaced by one that covers both, and whose they are, (M,), (M, L)."""
        boxes = corners_to_steps(self.vocabulary.objects(ids)[..., 1:], self.vocabulary.grid)       # (B, K, 4)
        present = self.vocabulary.is_present(ids)
        both = (present[:, :, None] & present[:, None]).triu(diagonal=1)
        a, b = boxes[:, :, None], boxes[:, None]
        union = torch.cat([torch.minimum(a[..., :2], b[..., :2]), torch.maximum(a[..., 2:], b[..., 2:])], dim=-1)
        fits = (union[..., 2:] - union[..., :2] <= self.local.bounds[1]).all(dim=-1)
        which, first, second = (both & fits & (box_iou(a, b) > 0)).nonzero(as_tuple=True)
        if not len(which):
            return which, ids[which]
        unknown = torch.full_like(which, self.vocabulary.any_class)
        merged = put(remove(self.posterior, ids[which], second), first, unknown,
                     steps_to_corners(union[which, first, second], self.vocabulary.grid), self.vocabulary)
        merged = self.local.refine(images[which], merged, first, self.refine_pairs, self.max_step)
        return which, self.local.classify(images[which], merged[:, None], first, self.class_pairs, self.hypotheses)
