"""Compiling a network; one that is frozen gets its weights packed for the CPU's matrix products."""
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from dive_mmdet.compat import TORCH, SDPBackend, sdpa_kernel


def compile_in_place(network: nn.Module) -> None:
    """Compile `network` at its first use, under the names that its weights have."""
    network.compile()
    network.register_load_state_dict_post_hook(_forget)


def compiled_settings(network: nn.Module) -> AbstractContextManager:
    """Within it a compiled network is run."""
    if TORCH < (2, 2) and torch.is_grad_enabled() and next(network.parameters()).is_cpu:
        # The compiler of torch 2.1 mistakes the memory order of what the fused attention of a CPU gives.
        return sdpa_kernel([SDPBackend.MATH])
    return packed_weights(network)


def packed_weights(network: nn.Module) -> AbstractContextManager:
    """Within it a compiled network's weights are constants of the program, where nothing will change them.

    That is on a CPU, without gradients, of a network none of whose weights is trained: torch then lays out each for the
    product that it is in and fuses what follows it. Loading other weights forgets the program.
    """
    if torch.is_grad_enabled() or any(weight.requires_grad or not weight.is_cpu for weight in network.parameters()):
        return nullcontext()
    # Not as an option of torch.compile: the tracer, too, has to know that weights are no inputs.
    return torch._inductor.config.patch(freezing=True)


def _forget(network: nn.Module, incompatible_keys) -> None:
    torch.compiler.reset()
