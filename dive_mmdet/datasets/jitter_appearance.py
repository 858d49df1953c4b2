"""Images as another camera, lens or light would have made them."""
import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from dive_mmdet.registry import TRANSFORMS

SHIFT = 64  # grey values by which a channel moves at colour=1


@TRANSFORMS.register_module()
class JitterAppearance(BaseTransform):
    """Blurs an image and changes its contrast, brightness and colour cast at random; boxes stay.

    Args:
        blur: largest standard deviation of the Gaussian in pixels; 0 for none.
        colour: contrast is multiplied by up to 1 +- this, and every channel shifted by up to +- 64 times this; 0 for
            none.

    Raises:
        ValueError: a negative setting, or a contrast that could vanish.
    """

    def __init__(self, blur: float = 0.0, colour: float = 0.0):
        if blur < 0 or not 0 <= colour < 1:
            raise ValueError(f'Appearances change by blur >= 0 and 0 <= colour < 1, got blur={blur} and '
                             f'colour={colour}.')
        self.blur, self.colour = blur, colour

    def transform(self, results: dict) -> dict:
        """Needs and changes `img`, uint8 (H, W, C)."""
        image = results['img']
        sigma = np.random.uniform(0, self.blur)
        if sigma > 0.1:  # less changes no grey value
            image = cv2.GaussianBlur(image, (0, 0), sigma)
        if self.colour:
            contrast = 1 + np.random.uniform(-self.colour, self.colour)
            shift = SHIFT * np.random.uniform(-self.colour, self.colour, image.shape[2:])
            image = (image - 127.5) * contrast + 127.5 + shift
            image = image.round().clip(0, 255).astype(np.uint8)
        results['img'] = image
        return results
