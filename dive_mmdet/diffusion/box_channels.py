"""The layout drawn for the denoiser: every pixel knows the boxes that cover it and its place in them."""
import math

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from dive_mmdet.layout.vocabulary import TOKENS_PER_OBJECT
from dive_mmdet.registry import MODELS


@MODELS.register_module()
class BoxChannels(nn.Module):
    """Maps of the objects' boxes and classes, summed over the objects.

    Of each object they are its soft-edged mask times [1, u, v, sin pi u, cos pi u, sin pi v, cos pi v], with u and v
    the pixel's place in the box in [-1, 1], and the mask times its class vector. Every map is a product of a function
    of x and one of y, so all of them are matrix products over the objects; of each object only its profiles along x
    and y are kept. Rows are those of `CoordinateTable`.

    Args:
        sample_size: side of the latents.
        class_dim: width of a class vector.
        edge: softness of the masks' edges in pixels: sigmoid(distance / edge).

    Raises:
        ValueError: an edge that is not positive.
    """

    order_free = True

    def __init__(self, sample_size: int, class_dim: int = 16, edge: float = 0.5):
        super().__init__()
        if edge <= 0:
            raise ValueError(f'Boxes are drawn with edge > 0, got edge={edge}.')
        self.sample_size, self.class_dim, self.edge = sample_size, class_dim, edge
        self.out_channels = 7 + class_dim
        self.register_buffer('centres', torch.arange(sample_size) + 0.5, persistent=False)

    def forward(self, rows: Tensor) -> Tensor:
        """Token rows (B, L, D) -> (B, out_channels, h, w) in float32.

        Raises:
            ValueError: rows of another width, or that are not finite.
        """
        if rows.shape[2] != 1 + self.class_dim:
            raise ValueError(f'Rows of {rows.shape[2]} numbers do not fit channels of class_dim={self.class_dim}: give '
                             'channels and CoordinateTable the same class_dim.')
        if not isinstance(rows, FakeTensor) and not bool(rows.isfinite().all()):  # a plan has no values
            raise ValueError('A box or class vector is not finite: lower the learning rate of what moves it, or mend '
                             'the annotation.')
        count = rows.shape[1] // TOKENS_PER_OBJECT * TOKENS_PER_OBJECT
        with torch.autocast(rows.device.type, enabled=False):  # bfloat16 knows a side to half a pixel
            objects = rows[:, :count].float().unflatten(1, (-1, TOKENS_PER_OBJECT))   # (B, K, 3, D)
            return self._draw(objects[:, :, 0], objects[:, :, 1, :2], objects[:, :, 2, :2])

    def _draw(self, classes: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """(B, K, 1 + E) presence and class vectors, (B, K, 2) corners -> (B, 7 + E, s, s)."""
        x_mask, x_place = self._profiles(low[..., 0], high[..., 0])                   # (B, K, s), (B, 3, K, s)
        y_mask, y_place = self._profiles(low[..., 1], high[..., 1])
        weight = classes.transpose(1, 2)[..., None]                                   # (B, 1 + E, K, 1)
        present = weight[:, :1]                                                       # (B, 1, K, 1)
        along_y = torch.cat([weight * y_mask[:, None], present * y_place * y_mask[:, None]], dim=1)
        same_x = torch.einsum('bfky,bkx->bfyx', along_y, x_mask)
        same_y = torch.einsum('bky,bfkx->bfyx', present[:, 0] * y_mask, x_place * x_mask[:, None])
        ones, vectors, y_maps = same_x.split([1, self.class_dim, 3], dim=1)
        return torch.cat([ones, same_y[:, :1], y_maps[:, :1], same_y[:, 1:], y_maps[:, 1:], vectors], dim=1)

    def _profiles(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """Of sides in [0, 1], (B, K) each: mask (B, K, s), and place with its sine and cosine, (B, 3, K, s)."""
        low, high = (side[..., None] * len(self.centres) for side in (low, high))
        mask = ((self.centres - low) / self.edge).sigmoid() * ((high - self.centres) / self.edge).sigmoid()
        # A box narrower than a pixel has no places to tell apart, and would have them grow without bound.
        place = ((2 * self.centres - low - high) / (high - low).clamp(min=1)).clamp(-1, 1)
        angle = math.pi * place
        return mask, torch.stack([place, angle.sin(), angle.cos()], dim=1)
