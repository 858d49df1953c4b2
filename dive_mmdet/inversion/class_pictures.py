"""What the generator expects of an object of each class, made once for all images."""
import torch
from torch import Tensor

from dive_mmdet.layout import LayoutVocabulary

from .atlas import Atlas
from .moves import put, steps_to_corners
from .posterior import Posterior

PATCH = 16  # pixels a side that contents of boxes are compared at


class ClassPictures:
    """The expectation of an object of each class in one box, to be compared with what boxes of any size hold.

    Args:
        posterior: whose generator is asked; its images are not looked at.
        side: of the box in the middle of the image, as a part of the image's side.
    """

    def __init__(self, posterior: Posterior, side: float):
        self.key, vocabulary = Atlas.key_of(posterior), posterior.vocabulary
        span = max(1, round(side * (vocabulary.grid - 1)))
        low = (vocabulary.grid - 1 - span) // 2
        box, count = torch.tensor([low, low, low + span, low + span]), vocabulary.num_class_ids
        corners = steps_to_corners(box, vocabulary.grid).expand(count, -1)
        layouts = put(vocabulary.empty().repeat(count, 1), torch.zeros(count, dtype=torch.long), vocabulary.class_ids,
                      corners, vocabulary)
        expected = posterior.expectation(layouts)
        self.nfe = count
        self.contents = contents(expected, torch.arange(count), box.expand(count, -1), vocabulary)    # (M, c p p)

    def distances(self, posterior: Posterior, images: Tensor, boxes: Tensor) -> Tensor:
        """Mean squared difference of what boxes hold from each class, (P,), (P, 4) in grid coordinates -> (P, M)."""
        seen = contents(posterior.latents, images, boxes, posterior.vocabulary)
        squared = seen.square().sum(dim=1, keepdim=True) + self.contents.square().sum(dim=1)
        return ((squared - 2 * seen @ self.contents.T) / seen.shape[1]).cpu()


def contents(images: Tensor, which: Tensor, boxes: Tensor, vocabulary: LayoutVocabulary) -> Tensor:
    """What boxes hold, at one size: (N, c, h, w), (P,), (P, 4) in grid coordinates -> (P, c PATCH PATCH)."""
    from mmcv.ops import roi_align  # not needed where layouts are not searched
    height, width = images.shape[2:]
    corners = boxes.to(images) * torch.tensor([width, height] * 2).to(images) / (vocabulary.grid - 1)
    return roi_align(images.contiguous(), torch.cat([which[:, None].to(images), corners], dim=1), PATCH).flatten(1)
