"""Mixed precision on any device; mmengine's AmpOptimWrapper refuses CPUs."""
from contextlib import ExitStack, contextmanager

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

PRECISIONS = {'float32': None, 'tf32': None, 'bfloat16': torch.bfloat16}


def require_precision(name: str) -> str:
    """`name` if it is one of `PRECISIONS`.

    Raises:
        ValueError: it is not.
    """
    if name not in PRECISIONS:
        raise ValueError(f"Unknown precision '{name}': use one of {', '.join(PRECISIONS)}.")
    return name


def fastest_precision() -> str:
    """`bfloat16` where this machine multiplies it in hardware, else `float32`."""
    if torch.cuda.is_available():
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = torch.cpu.get_capabilities().get('avx512_bf16', False)
    return 'bfloat16' if fast else 'float32'


@contextmanager
def mixed_precision(device: torch.device, precision: str):
    """Matrix products in `precision`, weights and sums of errors in float32; nothing changes under `float32`.

    `tf32` rounds the factors of float32 products on NVIDIA GPUs that can, and changes nothing elsewhere.
    """
    dtype = PRECISIONS[require_precision(precision)]
    with ExitStack() as stack:
        if precision == 'tf32':
            stack.enter_context(rounded_products())
        if dtype is not None:
            stack.enter_context(torch.autocast(device.type, dtype))
            if device.type == 'cpu' and torch.is_grad_enabled():
                # The backward of the fused attention is several times slower in bfloat16 than in float32 on a CPU.
                stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        yield


@contextmanager
def rounded_products():
    """TF32 in products and convolutions; what was set before is set again afterwards."""
    backends = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [backend.allow_tf32 for backend in backends]
    try:
        for backend in backends:
            backend.allow_tf32 = True
        yield
    finally:
        for backend, value in zip(backends, before):
            backend.allow_tf32 = value
