"""Digit scenes on the fly, for training."""
from typing import Callable, Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.dataset import BaseDataset

from dive_mmdet.registry import DATASETS, TRANSFORMS

from .coco_files import file_name
from .digit_scenes import DIGITS, DigitSceneComposer


@DATASETS.register_module()
class DigitSceneDataset(BaseDataset):
    """Scenes 0 .. `num_scenes` - 1 of a split, composed when they are asked for.

    An item carries the image (side, side, 3) uint8, the name that a file of it would have, and its instances in mmdet's
    format, so that mmdet's transforms follow `LoadComposedImage` as they would after loading from disk.

    Args:
        num_scenes: length.
        composer: arguments of `DigitSceneComposer`; the classes are those that it does not exclude.
        pipeline: transforms.
    """
    METAINFO = dict(classes=DIGITS)

    def __init__(self, num_scenes: int, composer: dict | None = None, pipeline: Sequence[dict | Callable] = ()):
        self.num_scenes, self.composer = num_scenes, DigitSceneComposer(**composer or {})
        super().__init__(metainfo=dict(classes=self.composer.classes), pipeline=list(pipeline), serialize_data=False)

    def load_data_list(self) -> list[dict]:
        """Nothing is listed: scenes are made in `get_data_info`."""
        return []

    def __len__(self) -> int:
        return self.num_scenes

    def get_data_info(self, idx: int) -> dict:
        """Scene `idx` before the transforms.

        Raises:
            IndexError: there are not so many, which ends a loop over them.
        """
        idx = range(self.num_scenes)[int(idx)]
        image, boxes, labels = self.composer.compose(idx)
        instances = [dict(bbox=box, bbox_label=int(label), ignore_flag=0)
                     for box, label in zip(boxes.astype(np.float32).tolist(), labels)]
        return dict(img=np.repeat(image[..., None], 3, axis=2), img_path=file_name(idx), img_id=idx,
                    sample_idx=idx, height=image.shape[0], width=image.shape[1], instances=instances)


@TRANSFORMS.register_module()
class LoadComposedImage(BaseTransform):
    """The shape of an image that its data set composed.

    mmdet's `LoadImageFromNDArray`, but that takes the name away, under which mmdet's tools show the image.
    """

    def transform(self, results: dict) -> dict:
        """The same image with its shape."""
        shape = results['img'].shape[:2]
        return dict(results, img_shape=shape, ori_shape=shape)
