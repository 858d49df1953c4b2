"""How much each object of a found layout explains, all objects asked at once."""
from collections.abc import Callable

import torch
from torch import Tensor

from dive_mmdet.layout.vocabulary import CLASS

from .objects import other_classes, present, removals
from .offers import Offers, regions
from .race import prior_gain, region_gains
from .settings import Rescore
from .state import SearchState


def class_evidence(state: SearchState, settings: Rescore) -> Tensor:
    """Energy without an object less energy with an object of each class in its box, read in the box.

    All classes are compared on few pairs and the best of them on all pairs of the state; the others stand as far below
    the last of these as they do on the few.

    Args:
        state: found layouts.
        settings: how many pairs, and how many classes.

    Returns:
        (B, K, M) in the order of `LayoutVocabulary.class_ids`; 0 for absent objects.
    """
    vocabulary = state.vocabulary
    evidence = torch.zeros(len(state), vocabulary.num_objects, vocabulary.num_class_ids)
    own, slots = present(state, torch.arange(len(state)))
    if not len(own):
        return evidence
    gone = removals(state, own, slots)
    explained = -_gains(state, gone, 0, state.pairs).mean(dim=1) - prior_gain(state, gone)        # (P,)
    offers = other_classes(state, own, slots)
    count, few = vocabulary.num_class_ids, min(settings.class_pairs, state.pairs)
    early = _gains(state, offers, 0, few)
    place = _places(state, own, slots, offers)                                        # (O,) in (P, M)
    first = torch.zeros(len(own) * count).index_copy(0, place, early.mean(dim=1)).view(len(own), count)
    best = first.topk(min(settings.class_keep + 1, count), dim=1).indices
    known = torch.zeros(len(own), count, dtype=torch.bool).scatter(1, best, True)
    late = known.flatten()[place]
    known[torch.arange(len(own)), vocabulary.class_places(vocabulary.objects(state.ids)[own, slots, CLASS])] = True
    gains = torch.cat([early[late], _gains(state, offers.at(late), few, state.pairs)], dim=1).mean(dim=1)
    whole = first.flatten().index_copy(0, place[late], gains).view(len(own), count)
    least = [gain.masked_fill(~known, float('inf')).amin(dim=1, keepdim=True) for gain in (first, whole)]
    gain = torch.where(known, whole, least[1] + (first - least[0]).clamp(max=0))
    prior = torch.zeros(len(own) * count).index_copy(0, place, prior_gain(state, offers)).view(len(own), count)
    evidence[own, slots] = explained[:, None] + gain + prior
    return evidence


def settled(state: SearchState, evidence: Tensor) -> Tensor:
    """Layouts (B, L) in which every object has the class of the most evidence, or goes where that is not worth it."""
    vocabulary, ids = state.vocabulary, state.ids.clone()
    objects, there = vocabulary.objects(ids), vocabulary.is_present(ids)
    most, best = evidence.max(dim=-1)
    objects[..., CLASS] = torch.where(there, vocabulary.class_ids[best], objects[..., CLASS])
    objects[there & (most <= state.object_cost)] = vocabulary.none
    return ids


def judging_nfe(pairs: int, num_classes: int, settings: Rescore) -> Callable[[Tensor], Tensor]:
    """Evaluations that judging costs at most, as a function of the number of objects, (B,) -> (B,).

    The layout on the whole bank, and once more with settled classes; without every object, and with its other classes,
    each alone in its layouts.

    Args:
        pairs: of the bank that judges.
        num_classes: M.
        settings: how many pairs, and how many classes.
    """
    few = min(settings.class_pairs, pairs)
    each = pairs + (num_classes - 1) * few + min(settings.class_keep + 1, num_classes - 1) * (pairs - few)
    return lambda objects: 2 * pairs + objects * each


def _gains(state: SearchState, offers: Offers, first: int, end: int) -> Tensor:
    seen = regions(state.ids, offers, state.vocabulary, state.shape)
    return region_gains(state, offers, seen, torch.arange(first, end))


def _places(state: SearchState, own: Tensor, slots: Tensor, offers: Offers) -> Tensor:
    """Where each offer of a class stands in a table of objects by classes, flat, (O,)."""
    vocabulary = state.vocabulary
    row = torch.searchsorted(own * vocabulary.num_objects + slots, offers.groups)
    return row * vocabulary.num_class_ids + vocabulary.class_places(offers.objects[:, 0, CLASS])
