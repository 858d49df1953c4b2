"""Mixed precision on any device; mmengine's AmpOptimWrapper refuses CPUs."""
from contextlib import ExitStack, contextmanager

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

PRECISIONS = {'float32': None, 'bfloat16': torch.bfloat16}


def require_precision(name: str) -> str:
    """`name` if it is one of `PRECISIONS`.

    Raises:
        ValueError: it is not.
    """
    if name not in PRECISIONS:
        raise ValueError(f"Unknown precision '{name}': use one of {', '.join(PRECISIONS)}.")
    return name


@contextmanager
def mixed_precision(device: torch.device, precision: str):
    """Matrix products in `precision`, weights and sums of errors in float32; nothing changes under `float32`."""
    dtype = PRECISIONS[require_precision(precision)]
    with ExitStack() as stack:
        if dtype is not None:
            stack.enter_context(torch.autocast(device.type, dtype))
            if device.type == 'cpu':
                # The backward of the fused attention takes 4 times as long in bfloat16 as in float32 on a CPU.
                stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        yield
