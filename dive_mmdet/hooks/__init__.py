from .inversion_hook import InversionHook
from .layout_prior_hook import LayoutPriorHook

__all__ = ['InversionHook', 'LayoutPriorHook']
