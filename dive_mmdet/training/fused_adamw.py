"""The optimizer of the generators."""
from torch import Tensor
from torch.optim import AdamW

from dive_mmdet.registry import OPTIMIZERS


@OPTIMIZERS.register_module()
class FusedAdamW(AdamW):
    """torch's AdamW in one kernel, where torch has one: on a CPU since 2.4.

    Args:
        params, settings: as in AdamW.
    """

    def __init__(self, params: list[Tensor] | list[dict], **settings):
        try:
            super().__init__(params, fused=True, **settings)
        except RuntimeError:  # that this device has none
            super().__init__(params, **settings)
