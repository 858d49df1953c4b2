"""Condition encoders: token rows (B, L, D) -> what the denoiser attends to, (B, S, W)."""
import torch
from torch import Tensor, nn

from dive_mmdet.compat import TransformerEncoderLayer
from dive_mmdet.layout.vocabulary import TOKENS_PER_OBJECT
from dive_mmdet.registry import MODELS


@MODELS.register_module()
class ObjectEncoder(nn.Module):
    """One context vector an object: its three rows are joined, then objects look at each other.

    No position in the sequence is embedded, so the order of objects carries no meaning by construction. Two crop
    rows, if there are any, make one more vector.

    Args:
        row_dim: D, width of the token table.
        width: W of the context.
        num_layers: pre-norm self-attention layers among the objects.
        num_heads: of those layers.
    """

    order_free = True

    def __init__(self, row_dim: int, width: int, num_layers: int = 1, num_heads: int = 4):
        super().__init__()
        self.row_dim, self.context_dim = row_dim, width
        self.join = self._join(TOKENS_PER_OBJECT * row_dim, width)
        self.join_crop = self._join(2 * row_dim, width)
        layer = TransformerEncoderLayer(width, num_heads, 4 * width, dropout=0.0, activation='gelu', batch_first=True,
                                        norm_first=True)
        self.layers = nn.TransformerEncoder(layer, num_layers, enable_nested_tensor=False)

    @staticmethod
    def _join(in_dim: int, width: int) -> nn.Sequential:
        return nn.Sequential(nn.Linear(in_dim, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, rows: Tensor) -> Tensor:
        """(B, L, D) -> (B, K or K + 1, W)."""
        count = rows.shape[1] // TOKENS_PER_OBJECT * TOKENS_PER_OBJECT
        objects = self.join(rows[:, :count].unflatten(1, (-1, TOKENS_PER_OBJECT)).flatten(2))   # (B, K, W)
        if count < rows.shape[1]:
            objects = torch.cat([objects, self.join_crop(rows[:, count:].flatten(1))[:, None]], dim=1)
        return self.layers(objects)


@MODELS.register_module()
class ClassRow(nn.Module):
    """The row of a condition of one token, as it is."""

    order_free = False

    def forward(self, rows: Tensor) -> Tensor:
        """(B, 1, D) -> (B, D)."""
        return rows[:, 0]


@MODELS.register_module()
class RowSequence(nn.Module):
    """Rows as they are, to be attended to: what a text encoder made of a prompt.

    Args:
        width: W of the rows.
    """

    order_free = False

    def __init__(self, width: int):
        super().__init__()
        self.context_dim = width

    def forward(self, rows: Tensor) -> Tensor:
        """(B, S, W) -> (B, S, W)."""
        return rows


@MODELS.register_module()
class NoContext(nn.Module):
    """Nothing to attend to: the denoiser sees the layout in channels alone."""

    order_free = True

    def forward(self, rows: Tensor) -> None:
        """(B, L, D) -> None."""
