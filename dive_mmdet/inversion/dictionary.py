"""What the generator expects of one object anywhere, made once for all images: matching pursuit over anchors."""
import torch
from torch import Tensor

from .moves import put, steps_to_corners
from .posterior import Posterior


class Dictionary:
    """The expectation of the empty layout and what each anchor, a box of unknown class, adds to it.

    Args:
        posterior: whose generator is asked; its images are not looked at.
        boxes: (G, 4) anchors in grid coordinates x0, y0, x1, y1.
    """

    def __init__(self, posterior: Posterior, boxes: Tensor):
        self.boxes, self.vocabulary = boxes, posterior.vocabulary
        self.key = self.key_of(posterior)
        empty = self.vocabulary.empty()[None]
        every = torch.arange(len(boxes))[None]
        layouts = self.with_boxes(empty, torch.zeros(1, dtype=torch.long), every)[0]
        expected = posterior.expectation(torch.cat([empty, layouts])).flatten(1)
        self.nfe = len(expected)
        self.added = expected[1:] - expected[:1]                                      # (G, c h w)
        self.squared = self.added.square().sum(dim=1)

    @staticmethod
    def key_of(posterior: Posterior) -> tuple:
        """Changes with the generator, its weights, their device and type."""
        return posterior.generator, tuple((weight.data_ptr(), weight.dtype, weight._version)
                                          for weight in posterior.generator.parameters())

    def with_boxes(self, ids: Tensor, slots: Tensor, chosen: Tensor) -> Tensor:
        """Layouts with an anchor of unknown class in a slot, (B, L), (B,), (B, M) -> (B, M, L)."""
        count = chosen.shape[1]
        corners = steps_to_corners(self.boxes[chosen.flatten()], self.vocabulary.grid)
        unknown = torch.full((len(corners),), self.vocabulary.any_class)
        return put(ids.repeat_interleave(count, dim=0), slots.repeat_interleave(count), unknown, corners,
                   self.vocabulary).view(len(ids), count, -1)

    def ranks(self, posterior: Posterior, images: Tensor, ids: Tensor) -> Tensor:
        """By how much each box would lower the squared error of the expectation, if it added what it adds alone.

        (B,), (B, L) -> (B, G); one evaluation a layout.
        """
        latents = posterior.latents[images.to(posterior.latents.device)]
        residual = (latents - posterior.expectation(ids)).flatten(1)
        posterior.nfe.index_add_(0, images, torch.ones_like(images))
        return (2 * residual @ self.added.T - self.squared).cpu()

    def best(self, posterior: Posterior, images: Tensor, ids: Tensor, count: int, nms_iou: float) -> Tensor:
        """The boxes that would lower the squared error of the expectation most, if they added what they add alone.

        Args:
            posterior: of the images.
            images, ids: (B,), (B, L) layouts that a box is to be added to; one evaluation each.
            count: F, how many boxes.
            nms_iou: two of them overlap by at most this IoU.

        Returns:
            (B, F) indices of boxes.
        """
        return self.apart(self.ranks(posterior, images, ids), count, nms_iou)

    def apart(self, ranks: Tensor, count: int, nms_iou: float) -> Tensor:
        """The boxes of highest rank, as `best` chooses them, (B, G) -> (B, F)."""
        from mmdet.structures.bbox import bbox_overlaps  # not needed where layouts are not searched
        ranks, picks = ranks.clone(), []
        for _ in range(min(count, len(self.boxes))):
            pick = ranks.argmax(dim=1)
            picks.append(pick)
            ranks[bbox_overlaps(self.boxes[pick].float(), self.boxes.float()) > nms_iou] = -float('inf')
        return torch.stack(picks, dim=1)
