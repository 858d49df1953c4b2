from .enumeration import AdaptiveEnumeration, ExhaustiveEnumeration
from .gradient import GradientInverter
from .layout_inverter import LayoutInverter
from .likelihood import Likelihood
from .posterior import Posterior
from .shortlist import ShortlistInverter
from .space import ConditionSpace

__all__ = ['AdaptiveEnumeration', 'ConditionSpace', 'ExhaustiveEnumeration', 'GradientInverter', 'LayoutInverter',
           'Likelihood', 'Posterior', 'ShortlistInverter']
