"""A small patch transformer with cross-attention, for CPUs."""
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
        context_dim: W of the context.
    """

    def __init__(self, sample_size: int, channels: int, patch_size: int, width: int, num_layers: int, num_heads: int,
                 context_dim: int):
        super().__init__()
        if sample_size % patch_size or width % num_heads:
            raise ValueError(f'Patches of {patch_size} must divide a side of {sample_size}, and {num_heads} heads a '
                             f'width of {width}.')
        self.sample_shape = (channels, sample_size, sample_size)
        self.transformer = PixArtTransformer2DModel(
            num_attention_heads=num_heads, attention_head_dim=width // num_heads, in_channels=channels,
            out_channels=channels, num_layers=num_layers, cross_attention_dim=width, sample_size=sample_size,
            patch_size=patch_size, caption_channels=context_dim, interpolation_scale=1,
            use_additional_conditions=False)

    def forward(self, x_t: Tensor, t: Tensor, context: Tensor) -> Tensor:
        """(B, C, h, w), (B,), (B, S, W) -> prediction (B, C, h, w)."""
        return self.transformer(x_t, encoder_hidden_states=context, timestep=t,
                                added_cond_kwargs={'resolution': None, 'aspect_ratio': None}).sample
