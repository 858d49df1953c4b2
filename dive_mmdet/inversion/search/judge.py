"""How much each object of a found layout explains, all objects asked at once."""
from collections.abc import Callable

import torch
from torch import Tensor

from dive_mmdet.layout import LayoutVocabulary
from dive_mmdet.layout.vocabulary import CLASS

from .likely import LikelyClasses
from .objects import present, removals
from .offers import Offers, regions
from .race import prior_gain, region_gains
from .settings import Rescore
from .state import SearchState


def class_evidence(state: SearchState, settings: Rescore, likely: LikelyClasses) -> Tensor:
    """Energy without an object less energy with an object of each class in its box, read in the box.

    Classes are compared on few pairs and the best of them on all pairs of the state; the others stand as far below the
    last of these as they do on the few. Those that are not likely enough to be asked stand below all that are, in the
    order of the shortlist, down to as far below the worst of these as that is below the best.

    Args:
        state: found layouts.
        settings: how many pairs, and how many classes.
        likely: which classes are asked.

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
    ranked = likely.ranked(state, own, slots) if likely.shortens(vocabulary) else None
    offers = likely.offers(state, own, slots, ranked)
    place = _places(state, own, slots, offers)                                        # (O,) in (P, M)
    held = vocabulary.objects(state.ids)[own, slots, CLASS][:, None] == vocabulary.class_ids      # (P, M)
    gain = _class_gains(state, offers, place, held, settings)
    prior = torch.zeros(gain.numel()).index_copy(0, place, prior_gain(state, offers)).view(gain.shape)
    gain = explained[:, None] + gain + prior
    evidence[own, slots] = gain if ranked is None else below_the_asked(gain, held | _at(place, held), ranked)
    return evidence


def below_the_asked(gain: Tensor, asked: Tensor, ranked: Tensor) -> Tensor:
    """Gains of asked classes, and of the others bounds below them all in the order of a ranking.

    Args:
        gain: (P, M), anything where `asked` (P, M) is false.
        asked: at least one class of each object.
        ranked: (P, M) places of the classes, the likeliest first.
    """
    least = gain.masked_fill(~asked, float('inf')).amin(dim=1, keepdim=True)
    span = gain.masked_fill(~asked, -float('inf')).amax(dim=1, keepdim=True) - least
    span = torch.maximum(span, 1e-3 * least.abs()).clamp(min=torch.finfo(gain.dtype).tiny)
    behind = (~asked).gather(1, ranked).cumsum(dim=1)                                 # 1, 2, ... of those not asked
    part = torch.zeros_like(gain).scatter(1, ranked, behind / behind[:, -1:].clamp(min=1))
    return torch.where(asked, gain, least - part * span)


def settled(state: SearchState, evidence: Tensor) -> Tensor:
    """Layouts (B, L) in which every object has the class of the most evidence, or goes where that is not worth it."""
    vocabulary, ids = state.vocabulary, state.ids.clone()
    objects, there = vocabulary.objects(ids), vocabulary.is_present(ids)
    most, best = evidence.max(dim=-1)
    objects[..., CLASS] = torch.where(there, vocabulary.class_ids[best], objects[..., CLASS])
    objects[there & (most <= state.object_cost)] = vocabulary.none
    return ids


def judging_nfe(pairs: int, vocabulary: LayoutVocabulary, settings: Rescore,
                likely: LikelyClasses) -> Callable[[Tensor], Tensor]:
    """Evaluations that judging costs at most, as a function of the number of objects, (B,) -> (B,).

    The layout on the whole bank, and once more with settled classes; what ranks the classes of all objects; without
    every object, and with its other classes, each alone in its layouts.

    Args:
        pairs: of the bank that judges.
        vocabulary: of the layouts.
        settings: how many pairs, and how many classes.
        likely: which classes are asked.
    """
    few, others = min(settings.class_pairs, pairs), likely.most_offered(vocabulary)
    each = pairs + others * few + min(settings.class_keep + 1, others) * (pairs - few)
    ranking = likely.most_nfe(vocabulary)
    return lambda objects: 2 * pairs + (objects > 0) * ranking + objects * each


def _class_gains(state: SearchState, offers: Offers, place: Tensor, held: Tensor, settings: Rescore) -> Tensor:
    """What classes gain over those that objects have, (P, M); of those that are not offered anything.

    Args:
        state: of the objects.
        offers: of other classes.
        place: (O,) of the offers in a table of objects by classes.
        held: (P, M) bool, the class that an object has.
        settings: how many pairs, and how many classes.
    """
    few, offered = min(settings.class_pairs, state.pairs), _at(place, held)
    early = _gains(state, offers, 0, few)
    first = torch.zeros(held.numel()).index_copy(0, place, early.mean(dim=1)).view(held.shape)
    first.masked_fill_(~(offered | held), -float('inf'))
    best = first.topk(min(settings.class_keep + 1, held.shape[1]), dim=1).indices
    known = torch.zeros_like(held).scatter(1, best, True) & (offered | held)
    late = known.flatten()[place]
    known |= held
    gains = torch.cat([early[late], _gains(state, offers.at(late), few, state.pairs)], dim=1).mean(dim=1)
    whole = first.flatten().index_copy(0, place[late], gains).view(held.shape)
    least = [gain.masked_fill(~known, float('inf')).amin(dim=1, keepdim=True) for gain in (first, whole)]
    return torch.where(known, whole, least[1] + (first - least[0]).clamp(max=0))


def _at(place: Tensor, table: Tensor) -> Tensor:
    """Where places (O,) are in a table (P, M), as bools of its shape."""
    return torch.zeros(table.numel(), dtype=torch.bool).index_fill(0, place, True).view(table.shape)


def _gains(state: SearchState, offers: Offers, first: int, end: int) -> Tensor:
    seen = regions(state.ids, offers, state.vocabulary, state.shape)
    return region_gains(state, offers, seen, torch.arange(first, end))


def _places(state: SearchState, own: Tensor, slots: Tensor, offers: Offers) -> Tensor:
    """Where each offer of a class stands in a table of objects by classes, flat, (O,)."""
    vocabulary = state.vocabulary
    row = torch.searchsorted(own * vocabulary.num_objects + slots, offers.groups)
    return row * vocabulary.num_class_ids + vocabulary.class_places(offers.objects[:, 0, CLASS])
