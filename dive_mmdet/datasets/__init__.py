from .digit_scenes import DigitSceneComposer
from .mnist_5k import load_digits, split_digits
from .scene_dataset import DigitSceneDataset

__all__ = ['DigitSceneComposer', 'DigitSceneDataset', 'load_digits', 'split_digits']
