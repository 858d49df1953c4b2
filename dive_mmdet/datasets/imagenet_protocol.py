"""ImageNet as published diffusion classifiers were tested on it."""
from collections import Counter

import numpy as np
from mmcv.transforms import BaseTransform
from mmpretrain.datasets import ImageNet
from PIL import Image

from dive_mmdet.registry import DATASETS, TRANSFORMS


@DATASETS.register_module()
class ImageNetPerClass(ImageNet):
    """mmpretrain's ImageNet with the first images of every class alone.

    Args:
        per_class: images of a class, in the order of their file names.
        arguments: of `ImageNet`.
    """

    def __init__(self, per_class: int, **arguments):
        self.per_class = per_class
        super().__init__(**arguments)

    def load_data_list(self) -> list[dict]:
        """In the order of the whole data set."""
        seen, kept = Counter(), []
        for item in super().load_data_list():
            seen[item['gt_label']] += 1
            if seen[item['gt_label']] <= self.per_class:
                kept.append(item)
        return kept


@TRANSFORMS.register_module()
class HalvingCenterCrop(BaseTransform):
    """The middle square after halving by averages and a bicubic rest (openai/guided-diffusion, `center_crop_arr`).

    Args:
        size: side in pixels.
    """

    def __init__(self, size: int):
        self.size = size

    def transform(self, results: dict) -> dict:
        """Crops `img`, (H, W, 3) uint8."""
        image = Image.fromarray(results['img'])
        while min(image.size) >= 2 * self.size:
            image = image.resize((image.width // 2, image.height // 2), Image.BOX)
        scale = self.size / min(image.size)
        image = np.asarray(image.resize((round(image.width * scale), round(image.height * scale)), Image.BICUBIC))
        top, left = ((side - self.size) // 2 for side in image.shape[:2])
        results['img'] = image[top:top + self.size, left:left + self.size]
        results['img_shape'] = results['img'].shape[:2]
        return results
