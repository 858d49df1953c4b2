"""Layouts searched object by object: coarse boxes first, then exact local moves, then second thoughts."""
import torch
from torch import Tensor

from dive_mmdet.registry import MODELS
from dive_mmdet.structures import Inversion

from .atlas import Atlas
from .budget import Budget
from .evidence import conclude, remove
from .local_search import LocalSearch, lowest
from .moves import class_moves, coarse_boxes, put
from .posterior import Posterior
from .rearrangements import Rearrangements
from .trace import Trace


@MODELS.register_module()
class ProposalInverter:
    """Greedy proposals with exact refinement; every number it looks at is an energy of the frozen generator.

    1. An atlas, made once for all images: what the generator expects of an image with one object of unknown class in
       each box of a coarse grid (`Posterior.expectation`).
    2. The next object: boxes are ranked by how much the error of the current layout's expectation would fall if the
       box added the same to it as to the empty layout. The best `finalists` distinct ones are moved locally until no
       move lowers the energy, then given each class, and the best `hypotheses` are moved again. The one that gains
       most for its area stays, if it lowers the energy by more than `min_gain`: by gain alone one box over two
       neighbours would come before each of them. Only the ranking is approximate, energies decide.
    3. All objects are polished in turn by class changes and box moves; an object whose evidence falls below
       `min_gain` goes.
    4. Second thoughts, `revisit` times: rearrangements of the found layout (`Rearrangements`); the best one of each
       image is taken if its energy is lower, and growing and polishing go on from there.
    5. The last word has a larger bank, whose minimum depends less on its noise: there the boxes settle once more, and
       each object keeps the best class, or goes.

    Args:
        sides, aspects, overlap: of the coarse boxes, see `coarse_boxes`.
        min_side, max_side: bounds of a box's sides as parts of the image's side.
        refine_pairs, class_pairs, polish_pairs: first pairs of the bank on which moves and classes are compared in
            each stage; what stays is decided on the whole bank.
        candidates: boxes that the atlas proposes for each object, compared on `refine_pairs`.
        finalists: the best of them, refined.
        hypotheses: classified boxes refined again for each object.
        distinct: two finalists overlap by at most this IoU.
        slack: hypotheses are refined whose object gains at least 1 - slack times what the best one gains.
        first_step: of the local moves as a part of the image's side; halved down to one grid step.
        max_moves: of one box in one refinement.
        area_exponent: the next object is the one of the most gain over area to this power; 0 is the most gain.
        objects_per_round: how many of the refined finalists may stay at once, the best first, each if it is still worth
            it after those before it. 1 looks at the image anew after each object; more costs less where there are many.
        min_gain: energy that an object must be worth.
        polish_rounds: at most.
        hypothesis_pairs: on which classes of a polished object are first compared, and the boxes of the best moved.
        reach: energy that moving a box may gain at most: while polishing, classes further above the best one are given
            up. By default `slack` decides.
        revisit: rounds of second thoughts.
        guided: the energy's gradient says which box moves are worth an evaluation, and polishing moves all boxes at
            once; else all single moves of a box are compared.
        refine: a `GradientInverter` config that goes on from the found layout; none by default.
        final_pairs: of a larger bank of the same objective, on which the found layout is settled last and its evidence
            is taken; 0 leaves that to the bank of the search.
        max_nfe: evaluations an image may cost, but for those of `refine`, which has a budget of its own. What judging
            the found objects may cost is kept back; beyond the rest nothing new is asked.

    Raises:
        ValueError: (when inverting) a budget that does not pay for judging the empty layout.
    """

    def __init__(self, sides: list[float], aspects: list[float], overlap: float = 0.5, min_side: float = 0.05,
                 max_side: float = 1.0, refine_pairs: int = 2, class_pairs: int = 2, polish_pairs: int = 2,
                 candidates: int = 12, finalists: int = 3, hypotheses: int = 3, distinct: float = 0.3,
                 slack: float = 0.35, first_step: float = 1 / 32, max_moves: int = 6, area_exponent: float = 0.6,
                 objects_per_round: int = 1, min_gain: float = 0.0, polish_rounds: int = 1, hypothesis_pairs: int = 4,
                 reach: float | None = None, revisit: int = 2, guided: bool = True, refine: dict | None = None,
                 final_pairs: int = 0, max_nfe: float = float('inf')):
        self.sides, self.aspects, self.overlap = sides, aspects, overlap
        self.min_side, self.max_side = min_side, max_side
        self.refine_pairs, self.class_pairs, self.polish_pairs = refine_pairs, class_pairs, polish_pairs
        self.candidates, self.finalists, self.hypotheses, self.distinct = candidates, finalists, hypotheses, distinct
        self.slack, self.first_step, self.max_moves, self.area_exponent = slack, first_step, max_moves, area_exponent
        self.min_gain, self.polish_rounds, self.revisit, self.guided = min_gain, polish_rounds, revisit, guided
        self.hypothesis_pairs, self.reach, self.objects_per_round = hypothesis_pairs, reach, objects_per_round
        self.refine = MODELS.build(refine) if refine else None
        self.final_pairs, self.max_nfe = final_pairs, max_nfe
        self.atlas, self.shared_nfe = None, 0

    def invert(self, posterior: Posterior) -> Inversion:
        """Search the layouts of N images side by side."""
        self.posterior, self.vocabulary = posterior, posterior.vocabulary
        final = posterior.on_bank(self.final_pairs) if self.final_pairs else posterior
        self.budget = Budget(posterior, final, self.max_nfe)
        spans = self.vocabulary.grid - 1
        self.max_step = max(1, round(self.first_step * spans))
        self.local = self._local_search(posterior)
        self.rearrangements = Rearrangements(self.local, self.class_pairs, self.hypotheses, self.max_step)
        if self.atlas is None or self.atlas.key != Atlas.key_of(posterior):
            self.atlas = Atlas(posterior, coarse_boxes(self.vocabulary.grid, self.sides, self.aspects, self.overlap))
            self.shared_nfe += self.atlas.nfe
        self.trace = Trace(posterior)
        images = torch.arange(len(posterior))
        ids = self.vocabulary.empty().repeat(len(images), 1)
        self._note(images, ids)
        ids = self._polish(images, self._grow(images, ids))
        ids = self._settle(images, self._reconsider(images, ids), self.hypothesis_pairs)
        self._note(images, ids)
        if self.refine is not None:
            with self.budget.lifted():
                ids = self.refine.descend(posterior, ids, self.trace)
        if self.final_pairs:
            self.budget.for_the_last_word(ids)
            ids = self._finish(self._local_search(final), images, ids)
        with self.budget.lifted():  # it was kept back
            if self.final_pairs:
                self._note(images, ids)
            return conclude(final, ids, self.trace)

    def _local_search(self, posterior: Posterior) -> LocalSearch:
        spans = self.vocabulary.grid - 1
        return LocalSearch(posterior, (max(1, round(self.min_side * spans)), round(self.max_side * spans)),
                           self.max_moves, self.slack, self.guided)

    def _note(self, images: Tensor, ids: Tensor) -> None:
        self.trace.add(images, ids, self.local.energy(images, ids))

    def _grow(self, images: Tensor, ids: Tensor) -> Tensor:
        """Add objects to each layout while there is a free slot and an object worth it."""
        ids = ids.clone()
        active = torch.arange(len(images))
        for _ in range(self.vocabulary.num_objects):
            active = active[self.vocabulary.free_slot(ids[active]) < self.vocabulary.num_objects]
            self.budget.for_another_object(images[active], ids[active])
            active = active[~self.budget.exhausted(images[active])]
            if not len(active):
                break
            grown = self._add_objects(images[active], ids[active])
            keep = (grown != ids[active]).any(dim=1)
            active = active[keep]
            ids[active] = grown[keep]
            self._note(images[active], ids[active])
        return ids

    def _add_objects(self, images: Tensor, ids: Tensor) -> Tensor:
        """The best further objects of each layout, as far as they are worth it, (B,), (B, L) -> (B, L)."""
        slots = self.vocabulary.free_slot(ids)
        chosen = self.atlas.best(self.posterior, images, ids, self.candidates, self.distinct)
        candidates = self.atlas.with_boxes(ids, slots, chosen)
        finalists = lowest(candidates, self.local.energies(images, candidates, self.refine_pairs), self.finalists)
        count = finalists.shape[1]
        several, own = images.repeat_interleave(count), slots.repeat_interleave(count)
        finalists = self.local.refine(several, finalists.flatten(0, 1), own, self.refine_pairs, self.max_step)
        if self.objects_per_round == 1:
            best = self.local.classify(images, finalists.view(len(ids), count, -1), slots, self.class_pairs,
                                       self.hypotheses, self.area_exponent)
            return self._if_worth_it(images, ids, best)
        each = self.local.classify(several, finalists[:, None], own, self.class_pairs, self.hypotheses).view(
            len(ids), count, -1)
        each = lowest(each, self.local.cost(images, each, slots, self.posterior.num_pairs, self.area_exponent),
                      self.objects_per_round)
        for rank in range(each.shape[1]):
            objects = self.vocabulary.objects(each[:, rank])[torch.arange(len(ids)), slots]       # (B, 3)
            free = self.vocabulary.free_slot(ids)
            room = (free < self.vocabulary.num_objects).nonzero()[:, 0]
            more = put(ids[room], free[room], objects[room, 0], objects[room, 1:], self.vocabulary)
            ids = ids.clone()
            ids[room] = self._if_worth_it(images[room], ids[room], more)
        return ids

    def _if_worth_it(self, images: Tensor, ids: Tensor, more: Tensor) -> Tensor:
        """Layouts with an object more where that lowers the energy by what it must be worth, (B, L), (B, L) -> (B, L).
        """
        gain = self.local.energy(images, ids) - self.local.energy(images, more)
        keep = (gain > self.min_gain) & self.budget.pays_for(images, more)
        return torch.where(keep[:, None], more, ids)

    def _polish(self, images: Tensor, ids: Tensor) -> Tensor:
        """Box moves, class changes and removals of all objects, until a round changes nothing."""
        ids = ids.clone()
        pending = torch.arange(len(images))
        for _ in range(self.polish_rounds):
            before = ids.clone()
            ids[pending] = self._settle(images[pending], ids[pending])
            for slot in range(self.vocabulary.num_objects):
                has = pending[self.vocabulary.is_present(ids[pending])[:, slot]]
                if len(has):
                    ids[has] = self._reclassify(images[has], ids[has], torch.full((len(has),), slot))
            ids[pending] = self._settle(images[pending], ids[pending])
            pending = pending[(ids[pending] != before[pending]).any(dim=1)]
            self._note(images[pending], ids[pending])
            if not len(pending):
                break
        return ids

    def _reclassify(self, images: Tensor, ids: Tensor, slots: Tensor) -> Tensor:
        """The best class of one object each with the box that suits it, or none, (B,), (B, L), (B,) -> (B, L)."""
        moved = self.local.classify(images, ids[:, None], slots, self.posterior.num_pairs, self.hypotheses,
                                    move_pairs=self.hypothesis_pairs, reach=self.reach)
        moved = self.local.lower(images, ids, moved)
        if not self.guided:
            moved = self.local.refine(images, moved, slots, self.polish_pairs, 1, self.posterior.num_pairs)
        return self._unless_worthless(self.local, images, moved, slots)

    def _unless_worthless(self, local: LocalSearch, images: Tensor, ids: Tensor, slots: Tensor) -> Tensor:
        """Layouts without one object each where it is not worth what it must be, (B,), (B, L), (B,) -> (B, L)."""
        without = remove(self.posterior, ids, slots)
        worth = local.energy(images, without) - local.energy(images, ids)
        return torch.where((worth > self.min_gain)[:, None], ids, without)

    def _finish(self, local: LocalSearch, images: Tensor, ids: Tensor) -> Tensor:
        """Boxes settled and objects classified once more where `local` looks; its evidence needs the same energies."""
        count = local.posterior.num_pairs
        ids = local.refine_all(images, ids, self.polish_pairs, self.max_step, count, self.polish_pairs)
        for slot, has in enumerate(self.vocabulary.is_present(ids).T):
            where, slots = images[has], torch.full_like(images[has], slot)
            layouts = class_moves(ids[has], slots, self.vocabulary.class_ids, self.vocabulary).view(
                len(where), self.vocabulary.num_class_ids, ids.shape[1])
            best = local.lower(where, ids[has], lowest(layouts, local.energies(where, layouts, count), 1)[:, 0])
            ids[has] = self._unless_worthless(local, where, best, slots)
        return ids

    def _settle(self, images: Tensor, ids: Tensor, exact_pairs: int = 0) -> Tensor:
        """All boxes moved at once, where the gradient guides."""
        if not self.guided:
            return ids
        return self.local.refine_all(images, ids, self.polish_pairs, self.max_step, self.posterior.num_pairs,
                                     exact_pairs)

    def _reconsider(self, images: Tensor, ids: Tensor) -> Tensor:
        """Second thoughts: the best rearrangement of each image, until a round takes none."""
        ids = ids.clone()
        pending = torch.arange(len(images))
        for _ in range(self.revisit):
            which, offered = self.rearrangements.offers(images[pending], ids[pending])
            which = pending[which]
            cost, best = self._cost(images, ids), torch.full((len(images),), -1)
            offered_cost = self._cost(images[which], offered)
            offered_cost[~self.budget.pays_for(images[which], offered)] = float('inf')
            for offer in range(len(which)):
                if offered_cost[offer] < cost[which[offer]]:
                    cost[which[offer]], best[which[offer]] = offered_cost[offer], offer
            pending = (best >= 0).nonzero()[:, 0]
            if not len(pending):
                break
            ids[pending] = self._polish(images[pending], self._grow(images[pending], offered[best[pending]]))
            self._note(images[pending], ids[pending])
        return ids

    def _cost(self, images: Tensor, ids: Tensor) -> Tensor:
        """Energy plus what the objects must be worth, (B,)."""
        return self.local.energy(images, ids) + self.min_gain * self.vocabulary.is_present(ids).sum(dim=1)
