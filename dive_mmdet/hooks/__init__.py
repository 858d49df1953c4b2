from .advice_hook import AdviceHook
from .inversion_hook import InversionHook
from .layout_prior_hook import LayoutPriorHook
from .loss_switch_hook import LossSwitchHook

__all__ = ['AdviceHook', 'InversionHook', 'LayoutPriorHook', 'LossSwitchHook']
