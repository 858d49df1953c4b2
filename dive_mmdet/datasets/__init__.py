from .digit_scenes import DigitSceneComposer
from .digit_strings import DigitStringComposer, DigitStringDataset, Mnist5kDataset
from .guarded import GuardedDataset, GuardedItem
from .imagenet_protocol import HalvingCenterCrop, ImageNetPerClass
from .layout_coco import LayoutCocoDataset
from .mnist_5k import load_digits, split_digits
from .scene_dataset import DigitSceneDataset
from .square_crop import SquareCrop

__all__ = ['DigitSceneComposer', 'DigitSceneDataset', 'DigitStringComposer', 'DigitStringDataset', 'GuardedDataset',
           'GuardedItem', 'HalvingCenterCrop', 'ImageNetPerClass', 'LayoutCocoDataset', 'Mnist5kDataset', 'SquareCrop',
           'load_digits', 'split_digits']
