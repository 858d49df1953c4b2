"""Floating-point operations and peak memory of a computation, also of one on tensors without storage."""
import weakref

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count


class PeakMemory(TorchDispatchMode):
    """Bytes of the tensors that live at once inside the context; `peak` holds the most.

    Counted are tensors and what autograd keeps of them, not the scratch memory of kernels nor what an allocator holds
    back, and not the weights of `module`, which were there before.

    Args:
        module: whose weights are not counted, nor are views of them.
    """

    def __init__(self, module: nn.Module):
        super().__init__()
        self.live = self.peak = 0
        self.known = weakref.WeakSet(tensor.untyped_storage() for tensor in [*module.parameters(), *module.buffers()])

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for leaf in tree_flatten(result)[0]:
            if isinstance(leaf, torch.Tensor) and leaf.untyped_storage() not in self.known:
                storage = leaf.untyped_storage()
                self.known.add(storage)
                self.live += storage.nbytes()
                self.peak = max(self.peak, self.live)
                weakref.finalize(storage, self._free, storage.nbytes())
        return result

    def _free(self, count: int) -> None:
        self.live -= count


def flop_counter() -> FlopCounterMode:
    """torch's counter, which does not know the fused attention of CPUs."""
    def forward(query, key, value, *args, **kwargs) -> int:
        return sdpa_flop_count(query, key, value)

    def backward(grad, query, key, value, *args, **kwargs) -> int:
        return sdpa_backward_flop_count(grad, query, key, value)
    return FlopCounterMode(display=False, custom_mapping={
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: forward,
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: backward})
