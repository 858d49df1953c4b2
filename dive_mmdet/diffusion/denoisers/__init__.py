from .diffusers_unet import DiffusersUNet, GroundedContext
from .dit import DiT
from .patch_transformer import PatchTransformer
from .unet import SpatialTransformerUNet

__all__ = ['DiT', 'DiffusersUNet', 'GroundedContext', 'PatchTransformer', 'SpatialTransformerUNet']
