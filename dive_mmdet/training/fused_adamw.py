"""The optimizer of the generators."""
from torch import Tensor
from torch.optim import AdamW

from dive_mmdet.compat import TORCH
from dive_mmdet.registry import OPTIMIZERS


@OPTIMIZERS.register_module()
class FusedAdamW(AdamW):
    """torch's AdamW in one kernel, where torch has one: on a CPU since 2.4.

    Args:
        params, settings: as in AdamW.
    """

    def __init__(self, params: list[Tensor] | list[dict], **settings):
        groups = list(params)
        weights = [weight for group in groups for weight in (group['params'] if isinstance(group, dict) else [group])]
        fused = TORCH >= (2, 4) or all(weight.is_cuda for weight in weights)
        super().__init__(groups, fused=fused or None, **settings)
