"""The condition encoder of the published layout-to-image model."""
import torch
from torch import Tensor, nn

from dive_mmdet.registry import MODELS

NUM_HEADS, HEAD_DIM, MLP_RATIO = 8, 64, 4  # as released, whatever the width


class SelfAttention(nn.Module):
    """Attention among all positions, without a mask and without biases of query, key and value.

    Args:
        dim: D of the sequence, which need not be that of all heads together.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.to_q, self.to_k, self.to_v = (nn.Linear(dim, NUM_HEADS * HEAD_DIM, bias=False) for _ in range(3))
        self.to_out = nn.Linear(NUM_HEADS * HEAD_DIM, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        q, k, v = (project(x).unflatten(2, (NUM_HEADS, -1)).transpose(1, 2)         # (B, heads, L, head_dim)
                   for project in (self.to_q, self.to_k, self.to_v))
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.to_out(mixed.transpose(1, 2).flatten(2))


class TransformerLayer(nn.Module):
    """Pre-norm attention and GELU MLP, each around a residual.

    Args:
        dim: D of the sequence.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.attention_norm, self.mlp_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = SelfAttention(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, MLP_RATIO * dim), nn.GELU(), nn.Linear(MLP_RATIO * dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        x = x + self.attention(self.attention_norm(x))
        return x + self.mlp(self.mlp_norm(x))


@MODELS.register_module()
class TokenTransformer(nn.Module):
    """One context vector a token: a transformer over the whole sequence (latent diffusion, `BERTEmbedder`).

    Every position has a learned embedding, so the order of objects matters to this encoder. Nothing is masked:
    objects that do not exist are attended to as well. Released (layout2img-openimages256): 512, 92, 16.

    Args:
        row_dim: D, width of the token table and of the context.
        length: L, tokens of a layout.
        num_layers: of the transformer.
    """

    order_free = False

    def __init__(self, row_dim: int, length: int, num_layers: int):
        super().__init__()
        self.row_dim = self.context_dim = row_dim
        self.positions = nn.Parameter(0.02 * torch.randn(length, row_dim))
        self.layers = nn.Sequential(*[TransformerLayer(row_dim) for _ in range(num_layers)])
        self.norm = nn.LayerNorm(row_dim)

    def forward(self, rows: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D).

        Raises:
            ValueError: a sequence of another size.
        """
        if rows.shape[1:] != self.positions.shape:
            raise ValueError(f'Token rows of {tuple(rows.shape[1:])} do not fit a token transformer of '
                             f'{tuple(self.positions.shape)}: length and row_dim must match vocabulary and table.')
        return self.norm(self.layers(rows + self.positions))
