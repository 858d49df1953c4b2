"""CLIP's text transformer, on vectors of words that need not be in its table."""
import torch
from torch import Tensor, nn

from dive_mmdet.compat import TransformerEncoderLayer


def quick_gelu(x: Tensor) -> Tensor:
    """The activation of OpenAI's weights."""
    return x * torch.sigmoid(1.702 * x)


# By the names of `hidden_act` in public configs.
ACTIVATIONS = dict(quick_gelu=quick_gelu, gelu=nn.functional.gelu)


class TextTransformer(nn.Module):
    """Word vectors -> what a UNet attends to (CLIP, arXiv 2103.00020, section 2.4): every word sees those before it.

    Args:
        width: W of the words.
        length: S, words of a text.
        num_layers, num_heads, mlp_width: of the transformer. Stable Diffusion 1: 12, 12, 3072 at a width of 768.
        activation: one of `ACTIVATIONS`.
        eps: of the norms.

    Raises:
        ValueError: an unknown activation.
    """

    def __init__(self, width: int, length: int, num_layers: int, num_heads: int, mlp_width: int,
                 activation: str = 'quick_gelu', eps: float = 1e-5):
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"Unknown activation '{activation}' of a text transformer: use one of "
                             f'{", ".join(ACTIVATIONS)}.')
        self.positions = nn.Parameter(0.01 * torch.randn(length, width))
        layer = TransformerEncoderLayer(width, num_heads, mlp_width, dropout=0.0, activation=ACTIVATIONS[activation],
                                        layer_norm_eps=eps, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, num_layers, norm=nn.LayerNorm(width, eps),
                                            enable_nested_tensor=False)

    def forward(self, words: Tensor) -> Tensor:
        """(B, S, W) -> (B, S, W)."""
        count = words.shape[1]
        later = torch.ones(count, count, dtype=torch.bool, device=words.device).triu(1)
        return self.layers(words + self.positions, mask=later, is_causal=True)
