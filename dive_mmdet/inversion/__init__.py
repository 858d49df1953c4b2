from .enumeration import AdaptiveEnumeration, ExhaustiveEnumeration
from .gradient import GradientInverter
from .likelihood import Likelihood
from .posterior import Posterior
from .proposal import ProposalInverter
from .shortlist import ShortlistInverter
from .space import ConditionSpace

__all__ = ['AdaptiveEnumeration', 'ConditionSpace', 'ExhaustiveEnumeration', 'GradientInverter', 'Likelihood',
           'Posterior', 'ProposalInverter', 'ShortlistInverter']
