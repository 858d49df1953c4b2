"""Attention within short sequences."""
import torch
from diffusers.models.attention_processor import Attention, AttnProcessor, AttnProcessor2_0
from torch import Tensor

from dive_mmdet.compat import cpu_products


class ShortAttention:
    """diffusers' fused attention, but on a CPU in bfloat16 its plain one.

    For some hundred tokens two products around a softmax then take less time, the backward's above all
    (`benchmarks/attention.py`; figures in docs/design.md).
    """

    def __init__(self):
        self.fused, self.plain = AttnProcessor2_0(), AttnProcessor()

    def __call__(self, attn: Attention, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None,
                 attention_mask: Tensor | None = None) -> Tensor:
        """Tokens (B, N, width) and what they attend to, themselves by default -> (B, N, width)."""
        plain = hidden_states.device.type == 'cpu' and cpu_products(hidden_states) == torch.bfloat16
        return (self.plain if plain else self.fused)(attn, hidden_states, encoder_hidden_states, attention_mask)
