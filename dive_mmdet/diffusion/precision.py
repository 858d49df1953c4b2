"""Mixed precision on any device; mmengine's AmpOptimWrapper refuses CPUs."""
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch

from dive_mmdet.compat import SDPBackend, sdpa_kernel

# TF32 is float32 whose products GPUs round to 10 bits; CPUs compute it as float32.
PRECISIONS = {'float32': None, 'tf32': None, 'bfloat16': torch.bfloat16, 'float16': torch.float16}
TRAINING = ('float32', 'tf32', 'bfloat16')
CPU_INFO = Path('/proc/cpuinfo')  # torch itself tells what a CPU can do since 2.11


def require_precision(name: str, training: bool = False) -> str:
    """`name` if it is one of `PRECISIONS`; float16 gradients vanish without a scaler, so it is none of `TRAINING`.

    Raises:
        ValueError: it is not.
    """
    known = TRAINING if training else PRECISIONS
    if name not in known:
        raise ValueError(f"Unknown precision '{name}': use one of {', '.join(known)}.")
    return name


def fastest_precision() -> str:
    """`bfloat16` where this machine multiplies it in hardware, else `float32`."""
    if torch.cuda.is_available():
        fast = torch.cuda.get_device_capability() >= (8, 0)
    else:
        fast = CPU_INFO.is_file() and 'avx512_bf16' in CPU_INFO.read_text().split()
    return 'bfloat16' if fast else 'float32'


@contextmanager
def tf32():
    """TF32 for matrix products and convolutions of a GPU."""
    switches = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [switch.allow_tf32 for switch in switches]
    for switch in switches:
        switch.allow_tf32 = True
    try:
        yield
    finally:
        for switch, allowed in zip(switches, before):
            switch.allow_tf32 = allowed


@contextmanager
def mixed_precision(device: torch.device, precision: str):
    """Matrix products in `precision`, weights and sums of errors in float32; nothing changes under `float32`.

    That is torch's own default, under which a GPU's convolutions, but not its matrix products, may use TF32.
    """
    dtype = PRECISIONS[require_precision(precision)]
    with ExitStack() as stack:
        if precision == 'tf32':
            stack.enter_context(tf32())
        if dtype is not None:
            stack.enter_context(torch.autocast(device.type, dtype))
            if device.type == 'cpu' and torch.is_grad_enabled():
                # The backward of the fused attention is several times slower in bfloat16 than in float32 on a CPU.
                stack.enter_context(sdpa_kernel([SDPBackend.MATH]))
        yield
