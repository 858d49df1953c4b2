"""Images on their way into a detector."""
from mmdet.models import DetDataPreprocessor
from mmdet.registry import MODELS as MMDET_MODELS

from dive_mmdet.preprocessing import GreyOrColour
from dive_mmdet.registry import MODELS


@MMDET_MODELS.register_module()
@MODELS.register_module()
class GreyOrColourDetPreprocessor(GreyOrColour, DetDataPreprocessor):
    """mmdet's preprocessor for images of one or three channels, see `GreyOrColour`."""
