"""Images on their way into a classifier."""
from mmpretrain.models import ClsDataPreprocessor
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS

from dive_mmdet.preprocessing import GreyOrColour
from dive_mmdet.registry import MODELS


@MMPRETRAIN_MODELS.register_module()
@MODELS.register_module()
class GreyOrColourPreprocessor(GreyOrColour, ClsDataPreprocessor):
    """mmpretrain's preprocessor for images of one or three channels, see `GreyOrColour`."""
