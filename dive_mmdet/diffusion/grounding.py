"""The condition of a gated UNet: boxes as numbers, one phrase an object, a caption for all images."""
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from dive_mmdet.layout.vocabulary import TOKENS_PER_OBJECT
from dive_mmdet.registry import MODELS

from .denoisers import GroundedContext


@MODELS.register_module()
class GroundingEncoder(nn.Module):
    """Rows of a `CoordinateTable` whose class vectors are phrase embeddings, as GLIGEN takes them.

    A gradient of a corner row is one of the box, and that of a class row's first number one of the object's presence.
    The caption is that of the empty prompt, which half of the published training saw.

    Args:
        width: W of phrases and caption.
        slots: objects that the UNet was trained with; those that a layout lacks are null objects, which are attended
            to as well.
        caption_length: S, tokens of the caption.
    """

    order_free = True
    gives_boxes = True

    def __init__(self, width: int, slots: int = 30, caption_length: int = 77):
        super().__init__()
        self.context_dim, self.slots = width, slots
        self.register_buffer('caption', torch.zeros(caption_length, width))

    def forward(self, rows: Tensor) -> GroundedContext:
        """(B, 3 K, 1 + W) -> context of N = `slots` objects.

        Raises:
            ValueError: more objects than slots, an encoded crop, or rows of another width.
        """
        if rows.shape[1] % TOKENS_PER_OBJECT or rows.shape[1] > TOKENS_PER_OBJECT * self.slots:
            raise ValueError(f'A layout of {rows.shape[1]} tokens does not fit {self.slots} objects of '
                             f'{TOKENS_PER_OBJECT}: give the vocabulary num_objects up to {self.slots} and no crop.')
        if rows.shape[2] != 1 + self.context_dim:
            raise ValueError(f'Rows of {rows.shape[2]} numbers do not fit phrases of {self.context_dim}: give '
                             f'CoordinateTable class_dim={self.context_dim}.')
        classes, low, high = rows.unflatten(1, (-1, TOKENS_PER_OBJECT)).unbind(dim=2)       # (B, K, 1 + W) each
        missing = self.slots - classes.shape[1]
        boxes = torch.cat([low[..., :2], high[..., :2]], dim=-1)                            # (B, K, 4)
        return GroundedContext(
            caption=self.caption.expand(len(rows), -1, -1), boxes=pad(boxes, (0, 0, 0, missing)),
            presence=pad(classes[..., 0], (0, missing)), phrases=pad(classes[..., 1:], (0, 0, 0, missing)))
