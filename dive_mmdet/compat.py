"""What torch spells differently between 2.1 and today."""
import time
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

__all__ = ['SDPBackend', 'TORCH', 'TransformerEncoderLayer', 'cpu_products', 'enabled_kernels', 'leave_process_group',
           'sdpa_kernel']

# Major and minor version.
TORCH = tuple(int(part) for part in torch.__version__.split('.')[:2])

try:
    from torch.nn.attention import SDPBackend, sdpa_kernel
except ImportError:  # before torch 2.3
    from torch.backends.cuda import SDPBackend, sdp_kernel

    def sdpa_kernel(backends: list[SDPBackend]) -> AbstractContextManager:
        """Within it fused attention chooses from `backends`."""
        return sdp_kernel(enable_flash=SDPBackend.FLASH_ATTENTION in backends,
                          enable_mem_efficient=SDPBackend.EFFICIENT_ATTENTION in backends,
                          enable_math=SDPBackend.MATH in backends)

ENABLED = {SDPBackend.FLASH_ATTENTION: torch.backends.cuda.flash_sdp_enabled,
           SDPBackend.EFFICIENT_ATTENTION: torch.backends.cuda.mem_efficient_sdp_enabled,
           SDPBackend.MATH: torch.backends.cuda.math_sdp_enabled}
if hasattr(SDPBackend, 'CUDNN_ATTENTION'):  # torch 2.5
    ENABLED[SDPBackend.CUDNN_ATTENTION] = torch.backends.cuda.cudnn_sdp_enabled


if TORCH < (2, 7):
    class TransformerEncoderLayer(nn.TransformerEncoderLayer):
        """Not fused in mixed precision: torch asks for that of GPUs alone, and its fused form fails in that of CPUs.

        In torch 2.6 it fails on tensors without storage alone.
        """

        def forward(self, *args, **kwargs) -> Tensor:
            on_gpus = torch.is_autocast_enabled()
            on_cpus = torch.is_autocast_cpu_enabled() if TORCH < (2, 4) else torch.is_autocast_enabled('cpu')
            torch.set_autocast_enabled(on_gpus or on_cpus)
            try:
                return super().forward(*args, **kwargs)
            finally:
                torch.set_autocast_enabled(on_gpus)
else:
    TransformerEncoderLayer = nn.TransformerEncoderLayer


def cpu_products(tensor: Tensor) -> torch.dtype:
    """Type in which a CPU multiplies a tensor here: its own, or that of mixed precision."""
    if TORCH < (2, 4):
        return torch.get_autocast_cpu_dtype() if torch.is_autocast_cpu_enabled() else tensor.dtype
    return torch.get_autocast_dtype('cpu') if torch.is_autocast_enabled('cpu') else tensor.dtype


def enabled_kernels() -> list[SDPBackend]:
    """The kernels that fused attention may choose from now."""
    return [backend for backend, enabled in ENABLED.items() if enabled()]


def leave_process_group() -> None:
    """Leave the group of ranks, if there is one: its threads may abort a process that ends with them running."""
    if not torch.distributed.is_initialized():
        return
    # torch 2.1 and 2.6 hold Python's lock while they wait for gloo's threads to end, and one of these may want it
    # to drop the tensors of the last exchange; while this thread sleeps it is free.
    time.sleep(0.2)
    torch.distributed.destroy_process_group()
