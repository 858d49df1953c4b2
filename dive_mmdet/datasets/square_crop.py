"""A square of an image, for generators that saw squares: objects keep their proportions, what lies outside is lost."""
import numpy as np
from mmcv.transforms import BaseTransform

from dive_mmdet.registry import TRANSFORMS


def square_box(width: float, height: float, place: float) -> tuple[float, float, float, float]:
    """The largest square of an image at `place` along its longer side, 0 .. 1, as x0, y0, x1, y1 in whole pixels."""
    side = min(width, height)
    x0, y0 = round(place * (width - side)), round(place * (height - side))
    return x0, y0, x0 + side, y0 + side


@TRANSFORMS.register_module()
class SquareCrop(BaseTransform):
    """Crops an image to a square; the detector's boxes come back in the whole image's pixels.

    The square is an image of its own to the generator: layouts and an encoded crop refer to it. Adds `crop_box`, which
    `PackDetInputs` must be told to keep, and the flip that mmdet's test-time augmentation asks for: none. Boxes are
    left alone, so load annotations afterwards.

    Args:
        place: along the longer side, 0 (left or top), 0.5 (centre) or 1 (right or bottom).
    """

    def __init__(self, place: float = 0.5):
        if not 0 <= place <= 1:
            raise ValueError(f'A square lies between 0 and 1 along the longer side, not at {place}.')
        self.place = place

    def transform(self, results: dict) -> dict:
        """Needs and changes `img` (H, W, C) and `img_shape`."""
        image = results['img']
        x0, y0, x1, y1 = square_box(image.shape[1], image.shape[0], self.place)
        return dict(results, img=np.ascontiguousarray(image[y0:y1, x0:x1]), img_shape=(y1 - y0, x1 - x0),
                    crop_box=(x0, y0, x1, y1), flip=False, flip_direction=None)
