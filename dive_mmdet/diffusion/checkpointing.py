"""Gradient checkpointing of any denoiser or condition encoder."""
from collections.abc import Callable
from functools import partial

import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint

from .denoisers.dit import DiTBlock
from .token_transformer import TransformerLayer

ATTENTION = {SDPBackend.FLASH_ATTENTION: torch.backends.cuda.flash_sdp_enabled,
             SDPBackend.EFFICIENT_ATTENTION: torch.backends.cuda.mem_efficient_sdp_enabled,
             SDPBackend.MATH: torch.backends.cuda.math_sdp_enabled,
             SDPBackend.CUDNN_ATTENTION: torch.backends.cuda.cudnn_sdp_enabled}
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
    backends = [backend for backend, enabled in ATTENTION.items() if enabled()]

    def repeatable(*args, **kwargs):
        with sdpa_kernel(backends):
            return forward(*args, **kwargs)
    return checkpoint(repeatable, *args, use_reentrant=False, preserve_rng_state=False, **kwargs)
