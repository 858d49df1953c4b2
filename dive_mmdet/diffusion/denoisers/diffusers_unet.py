"""diffusers' text-conditioned UNet, of Stable Diffusion and of what was made of it."""
from typing import NamedTuple

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from dive_mmdet.registry import MODELS


class GroundedContext(NamedTuple):
    """What a gated UNet attends to (GLIGEN, arXiv 2301.07093).

    Attributes:
        caption: (B, S, W) of the text encoder.
        boxes: (B, N, 4) x0, y0, x1, y1 in [0, 1].
        presence: (B, N) 1 for an object, 0 for none; what lies between is between them.
        phrases: (B, N, W) one embedding an object.
    """
    caption: Tensor
    boxes: Tensor
    presence: Tensor
    phrases: Tensor


@MODELS.register_module()
class DiffusersUNet(nn.Module):
    """A `UNet2DConditionModel` behind the generator's face.

    Args:
        model: its constructor arguments, as in the `config.json` of a public UNet.
        grounded_from: lowest timestep at which a gated UNet sees boxes. It was trained to see them at all, 0;
            `StableDiffusionGLIGENPipeline` with its `gligen_scheduled_sampling_beta=0.3` draws with 700.

    Raises:
        ValueError: `grounded_from` of a UNet without gates.
    """

    def __init__(self, model: dict, grounded_from: int = 0):
        super().__init__()
        self.unet = UNet2DConditionModel(**model)
        config = self.unet.config
        size = (config.sample_size,) * 2 if isinstance(config.sample_size, int) else tuple(config.sample_size)
        self.sample_shape = (config.in_channels, *size)
        self.context_dim = config.cross_attention_dim
        self.takes_boxes = config.attention_type == 'gated'
        self.grounded_from = grounded_from
        if grounded_from and not self.takes_boxes:
            raise ValueError(f'A UNet without gates never sees boxes: leave out grounded_from={grounded_from}.')

    def forward(self, x_t: Tensor, t: Tensor, context: Tensor | GroundedContext) -> Tensor:
        """(B, c, h, w), (B,), (B, S, W) or what is grounded -> prediction (B, c, h, w)."""
        if isinstance(context, Tensor):
            return self.unet(x_t, t, encoder_hidden_states=context).sample
        if not self.grounded_from:
            return self._grounded(x_t, t, context)
        sees = t >= self.grounded_from
        parts = [which.nonzero()[:, 0] for which in (sees, ~sees)]
        found = [self._grounded(x_t[parts[0]], t[parts[0]], GroundedContext(*(each[parts[0]] for each in context)))
                 if len(parts[0]) else x_t[:0],
                 self(x_t[parts[1]], t[parts[1]], context.caption[parts[1]]) if len(parts[1]) else x_t[:0]]
        return torch.cat([each for each in found if len(each)])[torch.cat(parts).argsort()]

    def _grounded(self, x_t: Tensor, t: Tensor, context: GroundedContext) -> Tensor:
        objects = dict(boxes=context.boxes, masks=context.presence, positive_embeddings=context.phrases)
        return self.unet(x_t, t, encoder_hidden_states=context.caption,
                         cross_attention_kwargs=dict(gligen=objects)).sample
