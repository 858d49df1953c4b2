"""What rates and energies say about a generator: does it listen, and is it split into the right heads?"""
from collections.abc import Iterator, Mapping
from math import ceil, log2

from scipy.stats import binomtest
from torch import Tensor

from dive_mmdet.diffusion.conditional import ConditionalGenerator
from dive_mmdet.inversion import Likelihood
from dive_mmdet.registry import MODELS

# Wrong layouts that a generator which ignores its layout takes for the true one every other time.
JUDGED = {'shuffled': 'the layout', 'shifted': 'the boxes', 'swapped': 'the classes'}
LEVEL = 0.01


def fewest_images(rows: int) -> int:
    """Images of which `deaf_to` could find all won and not by chance, when it takes the best of so many rows."""
    return ceil(log2(rows / LEVEL))


def deaf_to(by_weighting: Mapping[str, Mapping[str, float]], counts: Mapping[str, int]) -> list[str]:
    """What a generator does not listen to: kinds whose best rate (in percent) chance explains.

    The sign test on the best of all weightings and ranges, at a level divided by their number (Bonferroni).

    Args:
        by_weighting: rates of each weighting and range, by kind.
        counts: comparisons behind the rates of a kind.
    """
    deaf = []
    for kind in (kind for kind in JUDGED if kind in counts):
        wins, count = round(max(row[kind] for row in by_weighting.values()) * counts[kind] / 100), counts[kind]
        chance = binomtest(wins, count, alternative='greater').pvalue
        deaf += [kind] if chance * len(by_weighting) > LEVEL else []
    return deaf


def head_counts(denoiser: Mapping) -> Iterator[int | list[int]]:
    """Splits that weights of this size allow: powers of two, and 32 channels a head where a UNet has levels."""
    width = denoiser.get('width', denoiser.get('base_channels'))
    yield from (heads for heads in (1, 2, 4, 8, 16) if width % heads == 0)
    if 'channel_mult' in denoiser and width % 32 == 0:
        yield [width * factor // 32 for factor in denoiser['channel_mult']]


def energy_by_heads(config: Mapping, generator: ConditionalGenerator, latents: Tensor, ids: Tensor,
                    batch_size: int = 256, **bank) -> dict[str, float]:
    """Mean denoising error of the true layouts with the same weights split into other heads.

    No weight tells how many heads it belongs to, and a wrong number loads without complaint; but networks denoise best
    as they were trained.

    Args:
        config: of the generator.
        generator: built from it, with its weights.
        latents, ids: (N, c, h, w) and (N, L) of annotated images.
        batch_size: evaluations at once.
        bank: arguments of `Likelihood`.
    """
    energies = {}
    for heads in head_counts(config['denoiser']):
        other = MODELS.build(dict(config, denoiser=dict(config['denoiser'], num_heads=heads))).to(latents.device).eval()
        other.load_state_dict(generator.state_dict())
        likelihood = Likelihood(other, **bank).to(latents.device)
        energy = likelihood.energy(latents, other.embed(ids.to(latents.device)), batch_size)
        energies[str(heads)] = float(energy.mean())
    return energies


def verdict(deaf: list[str], by_heads: Mapping[str, float], heads: int | list[int]) -> tuple[bool, str]:
    """Whether the generator may be used, and a sentence that says what is wrong."""
    best = min(by_heads, key=by_heads.get)
    if best != str(heads):
        return False, (f'WRONG HEADS: with num_heads={best} the same weights denoise better than with the '
                       f"config's {heads} ({by_heads[best]:.4g} against {by_heads[str(heads)]:.4g}).")
    if deaf:
        return False, (f'DOES NOT LISTEN to {" and ".join(JUDGED[kind] for kind in deaf)}: true layouts do not beat '
                       f'wrong ones ({", ".join(deaf)}) more often than chance does.')
    return True, 'LISTENS: true layouts beat wrong ones, and no other number of heads denoises better.'
