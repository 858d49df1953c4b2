"""Gradient checkpointing of any denoiser or condition encoder."""
from collections.abc import Callable
from functools import partial

from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from torch import nn
from torch.utils.checkpoint import checkpoint

from dive_mmdet.compat import enabled_kernels, sdpa_kernel

from .denoisers.dit import DiTBlock
from .token_transformer import TransformerLayer

BLOCKS = (BasicTransformerBlock, DiTBlock, ResnetBlock2D, TransformerLayer, nn.TransformerEncoderLayer)


def checkpoint_blocks(module: nn.Module) -> None:
    """Keep a block's input alone for the backward, which computes the rest again: less memory, a third more time.

    Not reentrant, since a reentrant one gives frozen weights no gradient of their inputs; nothing here is random.
    """
    for block in module.modules():
        if isinstance(block, BLOCKS):
            # A partial of a bound method, unlike a closure, goes with a deep copy of the module.
            block.forward = partial(_checkpointed, block.forward)


def _checkpointed(forward: Callable, *args, **kwargs):
    """`forward`, computed again at the backward by the same kernels: torch repeats autocast, not this choice."""
    kernels = enabled_kernels()

    def repeatable(*args, **kwargs):
        with sdpa_kernel(kernels):
            return forward(*args, **kwargs)
    return checkpoint(repeatable, *args, use_reentrant=False, preserve_rng_state=False, **kwargs)
