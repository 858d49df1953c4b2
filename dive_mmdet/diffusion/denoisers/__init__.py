from .patch_transformer import PatchTransformer

__all__ = ['PatchTransformer']
