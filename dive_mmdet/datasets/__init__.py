from .blank_image import LoadBlankImage
from .digit_scenes import DigitSceneComposer
from .digit_strings import DigitStringComposer, DigitStringDataset, Mnist5kDataset
from .first_alone import FirstAloneBatchSampler
from .guarded import GuardedDataset, GuardedItem
from .jitter_appearance import JitterAppearance
from .mnist_5k import load_digits, split_digits
from .scene_dataset import DigitSceneDataset, LoadComposedImage
from .square_crop import SquareCrop

# layout_coco and imagenet_protocol need a framework each and are imported where that is there.
__all__ = ['DigitSceneComposer', 'DigitSceneDataset', 'DigitStringComposer', 'DigitStringDataset',
           'FirstAloneBatchSampler', 'GuardedDataset', 'GuardedItem', 'JitterAppearance', 'LoadBlankImage',
           'LoadComposedImage', 'Mnist5kDataset', 'SquareCrop', 'load_digits', 'split_digits']
