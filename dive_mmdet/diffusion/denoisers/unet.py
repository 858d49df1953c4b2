"""The UNet of the published layout-to-image model."""
from collections.abc import Sequence

from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from dive_mmdet.registry import MODELS

NORM_GROUPS = 32


@MODELS.register_module()
class SpatialTransformerUNet(nn.Module):
    """Latent diffusion's `openaimodel.UNetModel` with spatial transformers, computed by diffusers' UNet.

    Level i works at sample_size / 2^i with base_channels x channel_mult[i] channels; the middle always has a
    transformer. Released (layout2img-openimages256): 64, 3, 128, (1, 2, 3, 4), 2, (2, 4, 8), 3, 512, one head.

    Args:
        sample_size: side of the latents.
        channels: of the latents.
        base_channels: of level 0.
        channel_mult: factor of each level.
        num_res_blocks: residual blocks a level on the way down; one more on the way up.
        attention_downsampling: levels with spatial transformers, as their downsampling factors 2^i.
        transformer_depth: blocks of each spatial transformer.
        context_dim: W of the context.
        num_heads: of every attention, or of each level (the middle takes the last). The released weights need one
            head of the full width, although their config says `num_head_channels: 32`: the code of that time ignored
            it. Another split loads silently and computes nonsense.

    Raises:
        ValueError: sizes that do not divide each other.
    """

    def __init__(self, sample_size: int, channels: int, base_channels: int, channel_mult: Sequence[int],
                 num_res_blocks: int, attention_downsampling: Sequence[int], transformer_depth: int, context_dim: int,
                 num_heads: int | Sequence[int] = 1):
        super().__init__()
        widths = [base_channels * factor for factor in channel_mult]
        heads = [num_heads] * len(widths) if isinstance(num_heads, int) else list(num_heads)
        attends = [2 ** level in attention_downsampling for level in range(len(widths))]
        self._check(sample_size, widths, heads, attention_downsampling)
        self.sample_shape = (channels, sample_size, sample_size)
        self.unet = UNet2DConditionModel(
            sample_size=sample_size, in_channels=channels, out_channels=channels, block_out_channels=widths,
            layers_per_block=num_res_blocks, norm_num_groups=NORM_GROUPS, norm_eps=1e-5,
            down_block_types=['CrossAttnDownBlock2D' if attend else 'DownBlock2D' for attend in attends],
            up_block_types=['CrossAttnUpBlock2D' if attend else 'UpBlock2D' for attend in reversed(attends)],
            transformer_layers_per_block=transformer_depth, cross_attention_dim=context_dim,
            attention_head_dim=heads)  # diffusers' misnomer: this is the number of heads

    def forward(self, x_t: Tensor, t: Tensor, context: Tensor) -> Tensor:
        """(B, C, h, w), (B,), (B, S, W) -> prediction (B, C, h, w)."""
        return self.unet(x_t, t, encoder_hidden_states=context).sample

    @staticmethod
    def _check(sample_size: int, widths: Sequence[int], heads: Sequence[int],
               attention_downsampling: Sequence[int]) -> None:
        factors = [2 ** level for level in range(len(widths))]
        unknown = sorted(set(attention_downsampling) - set(factors))
        if unknown:
            raise ValueError(f'attention_downsampling names {unknown}, but {len(widths)} levels downsample by '
                             f'{factors}.')
        if sample_size % factors[-1]:
            raise ValueError(f'{len(widths)} levels need a sample_size divisible by {factors[-1]}, not {sample_size}.')
        if any(width % NORM_GROUPS for width in widths):
            raise ValueError(f'Every level needs a multiple of {NORM_GROUPS} channels, not {list(widths)}: change '
                             'base_channels.')
        if len(heads) != len(widths) or any(width % head for width, head in zip(widths, heads)):
            raise ValueError(f'num_heads={list(heads)} does not divide the {len(widths)} levels of {list(widths)} '
                             'channels: give one number that does, or one a level.')
