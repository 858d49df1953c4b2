"""Whose fault it is where found layouts are not the true ones: search, generator or prior."""
import torch
from torch import Tensor

NOTABLE = 0.2  # share of the images from which on something is worth saying
CURES = dict(
    search='the search misses: the true layout explains the image better than the found one, by the objective that was '
           'searched; let `inverter` try more (docs/search.md)',
    generator='the generator prefers wrong layouts: by the likelihood alone, too, the found layout explains the image '
              'better than the true one; train it longer, on more images or with crops and flips',
    prior='the prior prefers wrong layouts: the likelihood alone does not prefer the found layout to the true one, the '
          'searched objective does; lower `prior_weight`, or have tools/misc/measure_costs.py set it')


def worse_and_better(found: Tensor, true: Tensor, empty: Tensor) -> tuple[Tensor, Tensor]:
    """Which found layouts lie notably above the true one's energy, and which below, (N, P) each -> two of (N,) bool.

    Above is more than two paired standard errors or 2 % of the gap between the empty and the true layout, whichever is
    smaller; below is more than two standard errors.
    """
    difference = found - true
    error, mean = difference.std(dim=1) / difference.shape[1] ** 0.5, difference.mean(dim=1)
    gap = (empty - true).mean(dim=1)
    return mean > torch.minimum(2 * error, 0.02 * gap), mean < -2 * error


def verdict(searched: tuple[Tensor, Tensor, Tensor], likelihood: tuple[Tensor, Tensor, Tensor]) -> str:
    """One sentence that says which part fails in the most images.

    Args:
        searched: energies (N, P) of the found, the true and the empty layouts by the objective that was searched.
        likelihood: the same by the likelihood alone.
    """
    missed, preferred = worse_and_better(*searched)
    _, likely = worse_and_better(*likelihood)
    shares = dict(search=missed, generator=preferred & likely, prior=preferred & ~likely)
    shares = {part: float(images.float().mean()) for part, images in shares.items()}
    part = max(shares, key=shares.get)
    if shares[part] < NOTABLE:
        return (f'Verdict: nothing stands out in {len(missed)} images: found layouts explain them about as well as '
                'true ones do; where boxes are wrong all the same, the generator cannot tell them apart.')
    return f'Verdict: in {100 * shares[part]:.0f} % of {len(missed)} images {CURES[part]}.'
