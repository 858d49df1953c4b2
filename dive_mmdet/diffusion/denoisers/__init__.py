from .patch_transformer import PatchTransformer
from .unet import SpatialTransformerUNet

__all__ = ['PatchTransformer', 'SpatialTransformerUNet']
