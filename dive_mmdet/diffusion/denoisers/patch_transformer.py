"""A small patch transformer with cross-attention, for CPUs."""
import torch
from diffusers import PixArtTransformer2DModel
from torch import Tensor, nn

from dive_mmdet.registry import MODELS


@MODELS.register_module()
class PatchTransformer(nn.Module):
    """diffusers' PixArt transformer at a size that a CPU can train.

    Args:
        sample_size: side of the latents.
        channels: of the latents.
        patch_size: side of a patch.
        width: of the tokens.
        num_layers, num_heads: of the transformer.
        context_dim: W of the context; None where there is nothing to attend to.
        condition_channels: maps of the condition, beside x_t in every patch.
        detail: width of three convolutions at full resolution behind the transformer, which see x_t and the maps too;
            0 for none.
    """

    def __init__(self, sample_size: int, channels: int, patch_size: int, width: int, num_layers: int, num_heads: int,
                 context_dim: int | None, condition_channels: int = 0, detail: int = 0):
        super().__init__()
        if sample_size % patch_size or width % num_heads:
            raise ValueError(f'Patches of {patch_size} must divide a side of {sample_size}, and {num_heads} heads a '
                             f'width of {width}.')
        self.sample_shape = (channels, sample_size, sample_size)
        self.condition_channels = condition_channels
        inputs = channels + condition_channels
        self.transformer = PixArtTransformer2DModel(
            num_attention_heads=num_heads, attention_head_dim=width // num_heads, in_channels=inputs,
            out_channels=detail or channels, num_layers=num_layers,
            cross_attention_dim=None if context_dim is None else width, sample_size=sample_size,
            patch_size=patch_size, caption_channels=context_dim, interpolation_scale=1,
            use_additional_conditions=False)
        self.detail = nn.Sequential(
            nn.Conv2d(detail + inputs, detail, 3, padding=1), nn.GELU(), nn.Conv2d(detail, detail, 3, padding=1),
            nn.GELU(), nn.Conv2d(detail, channels, 3, padding=1)) if detail else None

    def forward(self, x_t: Tensor, t: Tensor, context: Tensor | None, maps: Tensor | None = None) -> Tensor:
        """(B, C, h, w), (B,), (B, S, W), (B, condition_channels, h, w) -> prediction (B, C, h, w)."""
        seen = x_t if maps is None else torch.cat([x_t, maps.to(x_t)], dim=1)
        output = self.transformer(seen, encoder_hidden_states=context, timestep=t,
                                  added_cond_kwargs={'resolution': None, 'aspect_ratio': None}).sample
        return output if self.detail is None else self.detail(torch.cat([output, seen.to(output)], dim=1))
