"""DiT: a transformer over patches whose blocks are modulated by timestep and class (Peebles and Xie, 2022)."""
import torch
from diffusers.models.embeddings import get_2d_sincos_pos_embed_from_grid, get_timestep_embedding
from timm.layers import Mlp, PatchEmbed
from timm.models.vision_transformer import Attention
from torch import Tensor, nn

from dive_mmdet.registry import MODELS

FREQUENCIES = 256  # features of a timestep before its layers


@MODELS.register_module()
class DiT(nn.Module):
    """The network of the public DiT release, under its names (facebookresearch/DiT, `models.py`).

    The row of the class is an input, so that any vector can stand in for it; the table of classes belongs to the
    generator.

    Args:
        sample_size: (h, w) of the latents, or one side of a square.
        channels: c of the latents.
        patch_size: side of a patch.
        width: D of the tokens and of a class row.
        num_layers, num_heads: of the transformer.
        mlp_ratio: hidden width of a block's layers over D.
        learn_sigma: the network also gives c channels of variance, which are computed and dropped.
        row_to_patches: a linear layer also adds the row to every patch, to each in its own way (not published). What a
            class looks like at pure noise is then a linear map of its row, which is learned from few images a class.

    Raises:
        ValueError: sizes that do not divide.
    """

    def __init__(self, sample_size: int | tuple[int, int], channels: int, patch_size: int, width: int,
                 num_layers: int, num_heads: int, mlp_ratio: float = 4.0, learn_sigma: bool = False,
                 row_to_patches: bool = False):
        super().__init__()
        size = (sample_size, sample_size) if isinstance(sample_size, int) else tuple(sample_size)
        if any(side % patch_size for side in size) or width % num_heads or width % 4:
            raise ValueError(f'Patches of {patch_size} must divide latents of {size}, and {num_heads} heads and 4 a '
                             f'width of {width}.')
        self.sample_shape, self.patch_size = (channels, *size), patch_size
        self.out_channels = channels * (2 if learn_sigma else 1)
        self.x_embedder = PatchEmbed(size, patch_size, channels, width)
        self.t_embedder = TimestepEmbedder(width)
        self.row_embedder = nn.Linear(width, self.x_embedder.num_patches * width) if row_to_patches else None
        self.pos_embed = nn.Parameter(patch_positions(self.x_embedder.grid_size, width), requires_grad=False)
        self.blocks = nn.ModuleList(DiTBlock(width, num_heads, mlp_ratio) for _ in range(num_layers))
        self.final_layer = FinalLayer(width, patch_size ** 2 * self.out_channels)
        self._init_weights()

    def forward(self, x_t: Tensor, t: Tensor, row: Tensor) -> Tensor:
        """(B, c, h, w), (B,), (B, D) -> prediction (B, c, h, w)."""
        return self.predict_all(x_t, t, row)[:, :self.sample_shape[0]]

    def predict_all(self, x_t: Tensor, t: Tensor, row: Tensor) -> Tensor:
        """With the channels of variance, (B, c, h, w), (B,), (B, D) -> (B, c or 2 c, h, w)."""
        tokens = self.x_embedder(x_t) + self.pos_embed                                # (B, T, D)
        if self.row_embedder is not None:
            tokens = tokens + self.row_embedder(row).view_as(tokens)
        condition = self.t_embedder(t) + row                                          # (B, D)
        for block in self.blocks:
            tokens = block(tokens, condition)
        return self._unpatchify(self.final_layer(tokens, condition))

    def _unpatchify(self, patches: Tensor) -> Tensor:
        """(B, T, p p c) -> (B, c, h, w)."""
        (height, width), p = self.x_embedder.grid_size, self.patch_size
        image = patches.view(len(patches), height, width, p, p, self.out_channels)
        return image.permute(0, 5, 1, 3, 2, 4).reshape(len(patches), self.out_channels, height * p, width * p)

    def _init_weights(self) -> None:
        """As published: Xavier, and zeros where a block or the output would add anything at first."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        nn.init.xavier_uniform_(self.x_embedder.proj.weight.view(len(self.x_embedder.proj.weight), -1))
        nn.init.zeros_(self.x_embedder.proj.bias)
        for layer in (self.t_embedder.mlp[0], self.t_embedder.mlp[2]):
            nn.init.normal_(layer.weight, std=0.02)
        for layer in (*(block.adaLN_modulation[1] for block in self.blocks), self.final_layer.adaLN_modulation[1],
                      self.final_layer.linear):
            nn.init.zeros_(layer.weight)


class TimestepEmbedder(nn.Module):
    """Timesteps (B,) -> (B, D)."""

    def __init__(self, width: int):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t: Tensor) -> Tensor:
        return self.mlp(get_timestep_embedding(t, FREQUENCIES, flip_sin_to_cos=True, downscale_freq_shift=0))


class DiTBlock(nn.Module):
    """Attention and layers, each shifted, scaled and gated by the condition (adaLN-Zero)."""

    def __init__(self, width: int, num_heads: int, mlp_ratio: float):
        super().__init__()
        self.norm1, self.norm2 = plain_norm(width), plain_norm(width)
        self.attn = Attention(width, num_heads=num_heads, qkv_bias=True)
        self.mlp = Mlp(width, int(width * mlp_ratio), act_layer=lambda: nn.GELU(approximate='tanh'))
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))

    def forward(self, tokens: Tensor, condition: Tensor) -> Tensor:
        """(B, T, D), (B, D) -> (B, T, D)."""
        shift, scale, gate, shift2, scale2, gate2 = self.adaLN_modulation(condition)[:, None].chunk(6, dim=2)
        tokens = tokens + gate * self.attn(self.norm1(tokens) * (1 + scale) + shift)
        return tokens + gate2 * self.mlp(self.norm2(tokens) * (1 + scale2) + shift2)


class FinalLayer(nn.Module):
    """Tokens (B, T, D) and condition (B, D) -> patches (B, T, out_features)."""

    def __init__(self, width: int, out_features: int):
        super().__init__()
        self.norm_final, self.linear = plain_norm(width), nn.Linear(width, out_features)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, tokens: Tensor, condition: Tensor) -> Tensor:
        shift, scale = self.adaLN_modulation(condition)[:, None].chunk(2, dim=2)
        return self.linear(self.norm_final(tokens) * (1 + scale) + shift)


def plain_norm(width: int) -> nn.LayerNorm:
    """Without parameters: the condition shifts and scales."""
    return nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)


def patch_positions(grid_size: tuple[int, int], width: int) -> Tensor:
    """2-D sinusoids of the patches, x first as published, (1, T, D)."""
    y, x = torch.meshgrid(*(torch.arange(side, dtype=torch.float64) for side in grid_size), indexing='ij')
    features = get_2d_sincos_pos_embed_from_grid(width, torch.stack([x, y])[:, None], output_type='pt')
    return features.float()[None]
