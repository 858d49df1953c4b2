"""Which of many offers are worth it: asked together where they lie apart, on few pairs first."""
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dive_mmdet.inversion.halving import Rungs, best_of_groups, halving

from .offers import Offers, regions
from .packing import alone, packed
from .state import SearchState

__all__ = ['Answers', 'Rungs', 'best_of_groups', 'prior_gain', 'race', 'region_gains']  # what moves need of a race

CHUNK = 256  # masked maps at once


@dataclass(frozen=True)
class Answers:
    """What a race found out.

    Attributes:
        offers: those that were asked to the end.
        gain: (O,) fall of the likelihood's energy that each brings, read in its region.
        regions: (O, h, w) bool, latent pixels that each changes.
    """
    offers: Offers
    gain: Tensor
    regions: Tensor

    def __len__(self) -> int:
        """O."""
        return len(self.offers)

    def at(self, index: Tensor) -> 'Answers':
        """Those of a mask or of indices."""
        return Answers(self.offers.at(index), self.gain[index], self.regions[index])

    def worth(self, state: SearchState) -> Tensor:
        """Gain, also in the prior's energy, less what new objects must be worth, (O,)."""
        return self.gain + prior_gain(state, self.offers) - state.object_cost * self.offers.growth(state.vocabulary)


def race(state: SearchState, offers: Offers, rungs: Rungs) -> Answers:
    """Compare offers on the first pairs of the bank, and the best of them on more.

    Args:
        state: that they change.
        offers: O of them.
        rungs: how it narrows; numbers of pairs beyond those of the state count as these.
    """
    seen = regions(state.ids, offers, state.vocabulary, state.shape)

    def ask(index: Tensor, pairs: Tensor) -> Tensor:
        return region_gains(state, offers.at(index), seen[index], pairs)
    pairs = sorted({min(rung, state.pairs) for rung in rungs.pairs})
    *_, last = halving(ask, offers.groups, replace(rungs, pairs=pairs))
    return Answers(offers.at(last.index), last.value, seen[last.index])


def region_gains(state: SearchState, offers: Offers, seen: Tensor, pairs: Tensor) -> Tensor:
    """By how much each offer lowers the error inside its region, on each pair.

    Args:
        state: that they change.
        offers: O of them.
        seen: (O, h, w) bool, their regions.
        pairs: (Q,) indices into the bank, among those of the state.

    Returns:
        (O, Q), in the units of the energy; -inf where no slot is free for an offer or its image cannot pay.
    """
    gains = torch.full((len(offers), len(pairs)), -float('inf'))
    seen = seen if state.joint else torch.ones_like(seen)  # nothing lies apart from an offer that is read everywhere
    where, layouts, rows = packed(state.ids, offers, seen, state.vocabulary)
    asked = torch.zeros(len(state), dtype=torch.long).index_add_(0, rows, torch.full_like(rows, len(pairs)))
    paid = state.pays(rows, asked[rows])
    order = where.argsort(stable=True)
    first = torch.searchsorted(where[order], torch.arange(len(layouts) + 1))          # of each layout in `order`
    which_paid = paid.nonzero()[:, 0]
    inside = seen.to(state.maps.device)

    def read(item: Tensor, place: Tensor, maps: Tensor) -> None:
        device, layout = maps.device, which_paid[item]
        fall = state.maps[rows[layout].to(device), pairs[place].to(device)] - maps    # (M, h, w)
        count = first[layout + 1] - first[layout]
        several = torch.arange(len(layout)).repeat_interleave(count)
        offset = torch.arange(len(several)) - (count.cumsum(0) - count).repeat_interleave(count)
        offer = order[first[layout][several] + offset]
        for part in torch.arange(len(several)).split(CHUNK):
            masked = fall[several[part].to(device)] * inside[offer[part].to(device)]
            gains[offer[part], place[several[part]]] = masked.mean(dim=(1, 2)).cpu()
    state.posterior.visit(state.images[rows[paid]], layouts[paid], pairs, read)
    return gains


def prior_gain(state: SearchState, offers: Offers) -> Tensor:
    """By how much each offer alone lowers the prior's energy, (O,)."""
    if state.posterior.prior is None or not len(offers):
        return torch.zeros(len(offers))
    before = state.posterior.prior_energy(state.ids[offers.rows])
    return before - state.posterior.prior_energy(alone(state.ids, offers, state.vocabulary))

