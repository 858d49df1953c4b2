"""Layouts without their images."""
import numpy as np
from mmcv.transforms import BaseTransform

from dive_mmdet.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadBlankImage(BaseTransform):
    """A black image of the annotated size in the place of `LoadImageFromFile`, for models that look at layouts alone.

    No file is opened, so transforms of boxes that need an image to measure cost next to nothing.
    """

    def transform(self, results: dict) -> dict:
        """Needs `height` and `width`; adds `img` (H, W), `img_shape` and `ori_shape`."""
        shape = results['height'], results['width']
        results.update(img=np.zeros(shape, np.uint8), img_shape=shape, ori_shape=shape)  # the data set reads ori_shape
        return results
