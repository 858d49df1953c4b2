"""The search for layouts: moves in rounds, each of which asks about all objects of an image at once."""
import torch
from torch import Tensor

from dive_mmdet.layout.vocabulary import CLASS
from dive_mmdet.registry import MODELS
from dive_mmdet.structures import Inversion

from .dictionary import Dictionary
from .meter import Meter
from .moves import anchor_boxes
from .posterior import Posterior
from .search.add import AddObjects
from .search.boxes import MoveSides, StepSides
from .search.classes import ChangeClasses, Reclassify
from .search.in_turn import InTurn
from .search.judge import class_evidence, judging_nfe, settled
from .search.likely import LikelyClasses
from .search.objects import remove_objects
from .search.rearrange import RearrangeObjects
from .search.settings import Add, Anchors, Boxes, Classes, Rearrange, Rescore, Shortlist, group, require_count
from .search.state import SearchState
from .trace import Trace


@MODELS.register_module()
class LayoutInverter:
    """Objects are added, moved, classified, rearranged and judged, all objects of an image in the same evaluations.

    What one object's box or class changes of the error stays near its box. So changes of objects that lie apart are
    put into one layout, and what each of them gains is read inside the boxes that it takes away and brings. Such a
    joint answer only chooses: a change stays if the energy of the layout as a whole, with `object_cost` for every
    object, falls (`SearchState.accept`). Energies of the trace are on the pairs that layouts were judged on then; with
    the last look they begin anew, on the whole bank.

    Args:
        anchors, add, boxes, classes, rearrange, rescore: groups of settings, see `search/settings.py`.
        object_cost: energy that an object must be worth.
        pairs: first pairs of the bank on which layouts are judged until the last look, which has the whole bank.
        joint: questions about objects that lie apart share evaluations; else each has its own, read in the whole image.
        max_nfe: evaluations an image may cost. What judging the found objects may cost is kept back; beyond the rest
            nothing is asked.

    Raises:
        ValueError: an unknown or wrong setting, or (when inverting) a budget that does not pay for judging the empty
            layout.
    """

    def __init__(self, anchors: dict, add: dict | None = None, boxes: dict | None = None, classes: dict | None = None,
                 rearrange: dict | None = None, rescore: dict | None = None, object_cost: float = 0.0, pairs: int = 8,
                 joint: bool = True, max_nfe: float = float('inf')):
        self.anchors, self.add = group(Anchors, anchors, 'anchors'), group(Add, add or {}, 'add')
        self.boxes, self.classes = group(Boxes, boxes or {}, 'boxes'), group(Classes, classes or {}, 'classes')
        self.rearrange = group(Rearrange, rearrange or {}, 'rearrange')
        self.rescore = group(Rescore, rescore or {}, 'rescore')
        self.likely = LikelyClasses(group(Shortlist, self.classes.shortlist, 'classes.shortlist'))
        require_count(pairs, 'pairs')
        self.object_cost, self.pairs, self.joint, self.max_nfe = object_cost, pairs, joint, max_nfe
        self.dictionary, self.shared_nfe = None, 0

    @property
    def gradient_pairs(self) -> int:
        """Pairs that a gradient is taken on at most."""
        return max(self.boxes.pairs, self.likely.settings.pairs, self.rescore.rungs[0])

    def invert(self, posterior: Posterior) -> Inversion:
        """Search the layouts of N images side by side."""
        state, trace = self.start(posterior), Trace(posterior)
        trace.add(state.images, state.ids, state.energy)
        self._search(state, trace)
        return self.finish(state, trace)

    def start(self, posterior: Posterior, ids: Tensor | None = None) -> SearchState:
        """Where a search of N images begins: at layouts (N, L), empty ones by default."""
        judging = judging_nfe(posterior.num_pairs, posterior.vocabulary, self.rescore, self.likely)
        meter = Meter(posterior, self.max_nfe, judging)
        self._prepare(posterior)
        ids = posterior.vocabulary.empty().repeat(len(posterior), 1) if ids is None else ids
        return SearchState(posterior, meter, torch.arange(len(posterior)), ids, object_cost=self.object_cost,
                           pairs=min(self.pairs, posterior.num_pairs), joint=self.joint)

    def finish(self, state: SearchState, trace: Trace) -> Inversion:
        """The last look at the objects, on the whole bank, and what is known about the answer."""
        state.extend(state.posterior.num_pairs)
        trace.add(state.images, state.ids, state.energy)
        self._note(state, trace, self.last_steps(state, torch.arange(len(state))))
        state.meter.judge()
        return self._conclude(state, trace)

    def _prepare(self, posterior: Posterior) -> None:
        """Make the dictionary where there is none of this generator, and the moves."""
        grid = posterior.vocabulary.grid
        if self.dictionary is None or self.dictionary.key != Dictionary.key_of(posterior):
            self.dictionary = Dictionary(posterior, anchor_boxes(grid, self.anchors.scales, self.anchors.ratios,
                                                                 self.anchors.overlap))
            self.shared_nfe += self.dictionary.nfe
        self.shared_nfe += self.likely.prepare(posterior)

        def steps(part: float) -> int:
            return max(1, round(part * (grid - 1)))
        bounds = steps(self.anchors.min_side), steps(self.anchors.max_side)
        boxes, classes = self.boxes, ChangeClasses(self.classes.rungs, self.classes.keep, self.likely)
        step = StepSides(bounds, steps(boxes.longest), boxes.pairs, (boxes.pairs,), 1)
        move = InTurn([step], boxes.rounds)

        def scan(part: float) -> list[MoveSides]:
            return [MoveSides(bounds, (steps(part),), (boxes.scan_pairs,))] if part else []
        self.add_objects = AddObjects(self.dictionary, self.add, InTurn([move, classes, move]))
        self.rearrange_objects = RearrangeObjects(self.dictionary, self.rearrange, bounds,
                                                  InTurn([*scan(boxes.scan), move, classes, move]))
        self.polish = InTurn([move, classes, move])
        self.reclassify = Reclassify(self.classes, self.likely, InTurn([*scan(self.classes.scan), move]))
        sizes = tuple(steps(part) for part in boxes.axes)
        self.settle = InTurn([MoveSides(bounds, sizes, boxes.axes_rungs, keep=3, axes=True)] if sizes else [])
        self.last_steps = InTurn([MoveSides(bounds, (1,), self.rescore.rungs, self.rescore.doubt)],
                                 self.rescore.rounds)

    def _search(self, state: SearchState, trace: Trace) -> None:
        """Add objects and rearrange them until a round changes nothing."""
        rows = torch.arange(len(state))
        for move in (self.add_objects, remove_objects):
            self._note(state, trace, move(state, rows))
        for _ in range(self.rearrange.rounds):
            changed = self.rearrange_objects(state, rows)
            self._note(state, trace, changed)
            rows = rows[changed[rows]]
            if not len(rows):
                break
            for move in (self.polish, self.add_objects, remove_objects):
                self._note(state, trace, move(state, rows))
        for move in (self.reclassify, self.settle):
            self._note(state, trace, move(state, torch.arange(len(state))))

    def _conclude(self, state: SearchState, trace: Trace) -> Inversion:
        """Classes settled by the evidence of all of them, and what is known about the answer."""
        vocabulary = state.vocabulary
        by_class = class_evidence(state, self.rescore, self.likely)
        ids = settled(state, by_class)
        rows = (ids != state.ids).any(dim=1).nonzero()[:, 0]
        if len(rows):
            better = state.accept(rows, state.branch(rows, ids[rows]))
            self._note(state, trace, torch.zeros(len(state), dtype=torch.bool).index_fill(0, rows[better], True))
        present = vocabulary.is_present(state.ids)
        by_class[~present] = 0.0
        own = vocabulary.class_places(vocabulary.objects(state.ids)[..., CLASS])
        return Inversion(ids=state.ids, energy=state.energy, nfe=state.posterior.nfe.clone(), trace=trace.courses,
                         evidence=by_class.gather(-1, own[..., None])[..., 0] * present, class_evidence=by_class)

    @staticmethod
    def _note(state: SearchState, trace: Trace, changed: Tensor) -> None:
        rows = changed.nonzero()[:, 0]
        trace.add(state.images[rows], state.ids[rows], state.energy[rows])
