"""What the generator expects of an object of each class, made once for all images."""
import torch
from torch import Tensor

from dive_mmdet.layout import LayoutVocabulary

from .dictionary import Dictionary
from .moves import put, steps_to_corners
from .posterior import Posterior

POINTS = 16  # a side of a box, at which contents of boxes are compared


class ClassPictures:
    """The expectation of an object of each class in one box, to be compared with what boxes of any size hold.

    Args:
        posterior: whose generator is asked; its images are not looked at.
        side: of the box in the middle of the image, as a part of the image's side.
    """

    def __init__(self, posterior: Posterior, side: float):
        self.key, vocabulary = Dictionary.key_of(posterior), posterior.vocabulary
        span = max(1, round(side * (vocabulary.grid - 1)))
        low = (vocabulary.grid - 1 - span) // 2
        box, count = torch.tensor([low, low, low + span, low + span]), vocabulary.num_class_ids
        corners = steps_to_corners(box, vocabulary.grid).expand(count, -1)
        layouts = put(vocabulary.empty().repeat(count, 1), torch.zeros(count, dtype=torch.long), vocabulary.class_ids,
                      corners, vocabulary)
        expected = posterior.expectation(layouts)
        self.nfe = count
        self.contents = contents(expected, torch.arange(count), box.expand(count, -1), vocabulary)    # (M, p p c)

    def distances(self, posterior: Posterior, images: Tensor, boxes: Tensor) -> Tensor:
        """Mean squared difference of what boxes hold from each class, (P,), (P, 4) in grid coordinates -> (P, M)."""
        seen = contents(posterior.latents, images, boxes, posterior.vocabulary)
        squared = seen.square().sum(dim=1, keepdim=True) + self.contents.square().sum(dim=1)
        return ((squared - 2 * seen @ self.contents.T) / seen.shape[1]).cpu()


def contents(images: Tensor, which: Tensor, boxes: Tensor, vocabulary: LayoutVocabulary) -> Tensor:
    """Pixels inside boxes at POINTS x POINTS points, (N, c, h, w), (P,), (P, 4) in grid coordinates -> (P, POINTS
    POINTS c)."""
    part, places = (torch.arange(POINTS) + 0.5) / POINTS, []
    for axis, size in ((1, images.shape[2]), (0, images.shape[3])):
        low, high = (boxes[:, side, None].double() / (vocabulary.grid - 1) * size for side in (axis, axis + 2))
        places.append((low + part * (high - low)).long().clamp(max=size - 1).to(images.device))      # (P, POINTS)
    which = which.to(images.device)[:, None, None]
    return images[which, :, places[0][:, :, None], places[1][:, None, :]].flatten(1)
