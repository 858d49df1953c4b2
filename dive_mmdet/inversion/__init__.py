from .gradient import GradientInverter
from .likelihood import Likelihood
from .posterior import Posterior
from .proposal import ProposalInverter
from .space import ConditionSpace

__all__ = ['ConditionSpace', 'GradientInverter', 'Likelihood', 'Posterior', 'ProposalInverter']
