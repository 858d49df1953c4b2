from .digit_scenes import DigitSceneComposer
from .layout_coco import LayoutCocoDataset
from .mnist_5k import load_digits, split_digits
from .scene_dataset import DigitSceneDataset

__all__ = ['DigitSceneComposer', 'DigitSceneDataset', 'LayoutCocoDataset', 'load_digits', 'split_digits']
