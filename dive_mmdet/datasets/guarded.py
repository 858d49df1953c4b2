"""A data set in which an image that cannot be read is an answer, not an end."""
import hashlib
import json
from dataclasses import dataclass

import numpy as np
import torch
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.structures import BaseDataElement
from torch.utils.data import Dataset

from dive_mmdet.registry import DATASETS

# Metas by which a model's answer becomes one in the original image.
GEOMETRY = ('ori_shape', 'img_shape', 'scale_factor', 'crop_box', 'flip', 'flip_direction')


@dataclass
class GuardedItem:
    """One image.

    Attributes:
        image: its id; where the data set has none its path, else its index.
        info: what the data set knows of it without reading it.
        data: what the pipeline made of it, None where that failed.
        reason: why it failed.
    """
    image: int | str
    info: dict
    data: dict | None = None
    reason: str = ''

    @property
    def sample(self) -> BaseDataElement:
        """What the pipeline packed, to be answered; of several views (test-time augmentation) the first."""
        packed = self.data['data_samples']
        return packed[0] if isinstance(packed, list) else packed

    @property
    def content(self) -> str:
        """16 characters that stand for what a model sees of it: pixels after the pipeline, and their geometry."""
        inputs, packed = (views if isinstance(views, list) else [views]
                          for views in (self.data['inputs'], self.data['data_samples']))
        digest = hashlib.blake2b(digest_size=8)
        for pixels, sample in zip(inputs, packed):
            geometry = {name: np.asarray(sample.get(name)).tolist() for name in GEOMETRY if name in sample}
            digest.update(f'{pixels.dtype} {tuple(pixels.shape)} {json.dumps(geometry, default=str)}'.encode())
            digest.update(pixels.contiguous().flatten().view(torch.uint8).numpy())
        return digest.hexdigest()

    def copied(self) -> dict:
        """The data for a model that may write into the samples it is given."""
        packed = self.data['data_samples']
        return dict(self.data, data_samples=[view.clone() for view in packed] if isinstance(packed, list)
                    else packed.clone())


@DATASETS.register_module()
class GuardedDataset(Dataset):
    """Items of another data set as `GuardedItem`; all else is the other's own.

    Args:
        dataset: config of any data set of the framework.

    Raises:
        ValueError: an id stands for several images, as it may where data sets are concatenated.
    """

    def __init__(self, dataset: dict):
        self.dataset = MMENGINE_DATASETS.build(dataset)
        self.images = self._require_one_image_an_id()

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> GuardedItem:
        info = self.dataset.get_data_info(index)
        item = GuardedItem(_name(index, info), info)
        try:
            item.data = self.dataset[index]
        except Exception as error:  # whatever a reader of images raises
            item.reason = one_line(error)
        return item

    def _require_one_image_an_id(self) -> list[int | str]:
        """The names of all images, in order."""
        paths = {}
        for index in range(len(self)):
            info = self.dataset.get_data_info(index)
            name, path = _name(index, info), info.get('img_path', index)
            if paths.setdefault(name, path) != path:
                raise ValueError(f'Image id {name} stands for {paths[name]} and for {path}: give every image an id of '
                                 'its own, or test the data sets one by one.')
        return list(paths)

    def __getattr__(self, name: str):
        # Neither while this object is being copied, when it has no data set yet.
        if name == 'dataset' or name.startswith('__'):
            raise AttributeError(name)
        return getattr(self.dataset, name)


def _name(index: int, info: dict) -> int | str:
    return info.get('img_id', info.get('img_path', index))


def one_line(error: Exception) -> str:
    """What an exception says, on one line."""
    return ' '.join(str(error).split()) or type(error).__name__
