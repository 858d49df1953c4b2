"""The fixed (timestep, noise) pairs on which all candidates are compared."""
import torch
from torch import Tensor, nn


class NoiseBank(nn.Module):
    """P fixed pairs (t, eps), shared by all images and all candidates.

    Sharing them makes every comparison of two conditions a paired one. The noise comes from its own generator on the
    CPU, so it is the same on every device, in every batch and on every rank.

    Args:
        timesteps: (P,) 0-based timesteps, in the order in which pairs are used.
        shape: (C, h, w) of the latents.
        seed: of the noise.
    """

    def __init__(self, timesteps: Tensor, shape: tuple[int, int, int], seed: int):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer('timesteps', torch.as_tensor(timesteps).long(), persistent=False)
        self.register_buffer('noise', torch.randn(len(self.timesteps), *shape, generator=generator), persistent=False)

    def __len__(self) -> int:
        return len(self.timesteps)


def stratified_timesteps(count: int, low: int, high: int) -> Tensor:
    """`count` evenly spaced timesteps of [low, high), every prefix of which covers the range.

    They are listed in van der Corput order (bit reversal) from the high end, so that a search may start on the first
    few pairs, where noise is high and energies are smooth, and grow.
    """
    step = (high - low) / count
    even = torch.tensor([int(low + step * (i + 0.5)) for i in range(count)])
    bits = max(1, (count - 1).bit_length())
    order = [int(f'{i:0{bits}b}'[::-1], 2) for i in range(1 << bits)]
    return even.flip(0)[[i for i in order if i < count]]
