"""Images on their way into a classifier."""
from mmpretrain.models import ClsDataPreprocessor
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS

from dive_mmdet.registry import MODELS


@MMPRETRAIN_MODELS.register_module()
@MODELS.register_module()
class GreyOrColourPreprocessor(ClsDataPreprocessor):
    """mmpretrain's preprocessor for images of one or three channels.

    Raises (when called):
        ValueError: another number of channels.
    """

    def forward(self, data: dict, training: bool = False) -> dict:
        for index, image in enumerate(data['inputs']):
            if image.shape[0] not in (1, 3):
                raise ValueError(f'Image {index} of a batch has {image.shape[0]} channels: give grey or colour images, '
                                 'of 1 or 3 channels.')
        return super().forward(data, training)
