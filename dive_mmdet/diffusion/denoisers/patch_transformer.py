"""A small patch transformer with cross-attention, for CPUs."""
import torch
from diffusers import PixArtTransformer2DModel
from torch import Tensor, nn

from dive_mmdet.registry import MODELS

from .attention import ShortAttention


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
        self.transformer.set_attn_processor(ShortAttention())
        self.detail = nn.Sequential(
            nn.Conv2d(detail + inputs, detail, 3, padding=1), nn.GELU(), nn.Conv2d(detail, detail, 3, padding=1),
            nn.GELU(), nn.Conv2d(detail, channels, 3, padding=1)) if detail else None

    def forward(self, x_t: Tensor, t: Tensor, context: Tensor | None, maps: Tensor | None = None,
                which: Tensor | None = None) -> Tensor:
        """Predict for items some of which share a condition.

        Args:
            x_t: (B, C, h, w).
            t: (B,).
            context: (B, S, W).
            maps: (U, condition_channels, h, w) of distinct conditions. The first layers are linear, so their share of
                the maps is computed once for all that is asked about a condition.
            which: (B,) of these each item has; the one of its own index by default.

        Returns:
            (B, C, h, w).
        """
        patches, first = self.transformer.pos_embed.proj, self.detail and self.detail[0]
        grid = nn.functional.conv2d(x_t, patches.weight[:, :x_t.shape[1]], patches.bias, stride=patches.stride)
        if maps is not None:
            grid = grid + _of_items(nn.functional.conv2d(
                maps, patches.weight[:, x_t.shape[1]:], stride=patches.stride), which)
        output = self._transformed(grid, t, context)
        if first is None:
            return output
        own = output.shape[1] + x_t.shape[1]
        output = nn.functional.conv2d(torch.cat([output, x_t.to(output)], dim=1), first.weight[:, :own], first.bias,
                                      padding=first.padding)
        if maps is not None:
            output = output + _of_items(nn.functional.conv2d(
                maps, first.weight[:, own:], padding=first.padding), which)
        return self.detail[1:](output)

    def _transformed(self, grid: Tensor, t: Tensor, context: Tensor | None) -> Tensor:
        """The forward of PixArtTransformer2DModel behind its patches' projection, (B, width, h / p, w / p)."""
        network, side = self.transformer, self.transformer.config.patch_size
        tokens = grid.flatten(2).transpose(1, 2)
        tokens = (tokens + network.pos_embed.pos_embed).to(tokens.dtype)
        time, embedded = network.adaln_single(t, dict(resolution=None, aspect_ratio=None), batch_size=len(grid),
                                              hidden_dtype=tokens.dtype)
        if network.caption_projection is not None:
            context = network.caption_projection(context)
        for block in network.transformer_blocks:
            tokens = block(tokens, encoder_hidden_states=context, timestep=time)
        shift, scale = (network.scale_shift_table[None] + embedded[:, None]).chunk(2, dim=1)
        tokens = network.proj_out(network.norm_out(tokens) * (1 + scale) + shift)                 # (B, h w, p p C)
        pixels = tokens.unflatten(2, (side, side, -1)).unflatten(1, grid.shape[2:])             # (B, h, w, p, p, C)
        return pixels.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)


def _of_items(shares: Tensor, which: Tensor | None) -> Tensor:
    return shares if which is None else shares[which]
