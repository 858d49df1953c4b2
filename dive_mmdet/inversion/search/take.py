"""Taking offers: a joint answer only chooses; the energy of the layout with all of them decides."""
import torch
from torch import Tensor

from dive_mmdet.layout.vocabulary import CLASS

from .offers import FREE, Offers, covered
from .packing import together
from .race import Answers, best_of_groups
from .state import SearchState


def best_apart(state: SearchState, answers: Answers, worth: Tensor) -> Tensor:
    """Offers worth more than 0 that can be taken at once, the best first, (O,) -> (O,) bool.

    One of a group, none whose region overlaps that of a better one, new objects as far as slots are free.
    """
    chosen = torch.zeros(len(worth), dtype=torch.bool)
    taken = torch.zeros(len(state), *state.shape, dtype=torch.bool)
    room = (state.vocabulary.num_objects - state.objects).tolist()
    groups: set[int] = set()
    used: list[set[int]] = [set() for _ in range(len(state))]
    for index in worth.argsort(descending=True, stable=True).tolist():
        if not worth[index] > 0:
            break
        row, group = int(answers.offers.rows[index]), int(answers.offers.groups[index])
        slots = answers.offers.slots[index].tolist()
        own = {slot for slot in slots if slot >= 0}
        if group in groups or own & used[row] or slots.count(FREE) > room[row] \
                or bool((taken[row] & answers.regions[index]).any()):
            continue
        chosen[index] = True
        groups.add(group)
        used[row] |= own
        room[row] -= slots.count(FREE)
        taken[row] |= answers.regions[index]
    return chosen


def take(state: SearchState, answers: Answers, worth: Tensor) -> Tensor:
    """Accept the best offers that lie apart, as far as layouts with them bear them out; (B,) bool: which rows changed.

    Where the layout with all of a row's offers costs more than before, those that do not lose in their regions are
    tried, or the best one alone where none seems to lose.
    """
    changed = torch.zeros(len(state), dtype=torch.bool)
    chosen = best_apart(state, answers, worth)
    answers, worth = answers.at(chosen), worth[chosen]
    for last in (False, True):
        answers, worth = _payable(state, answers, worth)
        if not len(answers):
            break
        rows, ids, _ = together(state.ids, answers.offers, state.vocabulary)
        other = state.branch(rows, ids)
        place = torch.searchsorted(rows, answers.offers.rows)
        loses = _fall(state, answers.offers.rows, other, place, answers.regions) <= (
            state.object_cost * answers.offers.growth(state.vocabulary))
        changed[rows] |= state.accept(rows, other)
        if last:
            break
        refused = ~changed[answers.offers.rows]
        doubted = torch.zeros(len(state), dtype=torch.bool)
        doubted[answers.offers.rows[loses]] = True
        best = best_of_groups(answers.offers.rows, worth, 1)
        several = torch.bincount(answers.offers.rows, minlength=len(state))[answers.offers.rows] > 1
        again = refused & several & torch.where(doubted[answers.offers.rows], ~loses, best)
        answers, worth = answers.at(again), worth[again]
    return changed


def try_out(state: SearchState, answers: Answers, worth: Tensor, polish) -> Tensor:
    """Take offers on a branch, polish it, and accept what it has become; (B,) bool: which rows changed.

    Where the branch costs more than before, what the offers have become is taken one by one as far as it gains in its
    own region.

    Args:
        state: that is offered something.
        answers, worth: offers and what decides between them, (O,).
        polish: called with the branch and its rows.
    """
    changed = torch.zeros(len(state), dtype=torch.bool)
    chosen = best_apart(state, answers, worth)
    answers, _ = _payable(state, answers.at(chosen), worth[chosen])
    if not len(answers):
        return changed
    rows, ids, slots = together(state.ids, answers.offers, state.vocabulary)
    trial = state.branch(rows, ids)
    polish(trial, torch.arange(len(rows)))
    place = torch.searchsorted(rows, answers.offers.rows)
    parts = _parts(state, trial, answers.offers, place, slots)
    better = state.accept(rows, trial)
    changed[rows[better]] = True
    which = (~better & (parts != state.ids[rows]).any(dim=1)).nonzero()[:, 0]
    growth = (state.vocabulary.is_present(parts[which]).sum(dim=1) - state.objects[rows[which]]).clamp(min=0)
    which = which[state.pays(rows[which], state.pairs, growth)]
    if len(which):
        changed[rows[which]] = state.accept(rows[which], state.branch(rows[which], parts[which]))
    return changed


def _parts(state: SearchState, trial: SearchState, offers: Offers, place: Tensor, slots: Tensor) -> Tensor:
    """Layouts (R, L) of a trial's rows that have of it only those offers that gain in their own regions."""
    vocabulary = state.vocabulary
    now = vocabulary.objects(trial.ids)[place[:, None], slots.clamp(min=0)]           # (O, 2, 3)
    before = vocabulary.objects(state.ids)[offers.rows[:, None], slots.clamp(min=0)]
    objects = torch.cat([before, now], dim=1)
    there = (objects[..., CLASS] != vocabulary.none) & (slots >= 0).repeat(1, 2)
    seen = covered(objects, there, vocabulary, state.shape)
    growth = there[:, 2:].sum(dim=1) - there[:, :2].sum(dim=1)
    gains = _fall(state, offers.rows, trial, place, seen) > state.object_cost * growth
    ids = state.ids[offers.rows.unique()].clone()
    for index in gains.nonzero()[:, 0].tolist():
        own = slots[index][slots[index] >= 0]
        vocabulary.objects(ids)[place[index], own] = now[index, :len(own)]
    return ids


def _fall(state: SearchState, rows: Tensor, other: SearchState, place: Tensor, seen: Tensor) -> Tensor:
    """Fall of the likelihood's energy inside regions (O, h, w) from rows (O,) to another state's rows (O,), (O,)."""
    device = state.maps.device
    mean = [maps.maps.mean(dim=1)[index.to(device)] for maps, index in ((state, rows), (other, place))]
    return ((mean[0] - mean[1]) * seen.to(device)).mean(dim=(1, 2)).cpu()


def _payable(state: SearchState, answers: Answers, worth: Tensor) -> tuple[Answers, Tensor]:
    """Those of rows that can pay for a branch with all of their offers, and for judging it."""
    growth = torch.zeros(len(state), dtype=torch.long).index_add_(
        0, answers.offers.rows, answers.offers.growth(state.vocabulary))
    rows = torch.arange(len(state))
    paid = state.pays(rows, state.pairs, growth.clamp(min=0))[answers.offers.rows]
    return answers.at(paid), worth[paid]
