from .gradient import GradientInverter
from .likelihood import Likelihood
from .posterior import Posterior
from .proposal import ProposalInverter
from .space import LayoutSpace

__all__ = ['GradientInverter', 'LayoutSpace', 'Likelihood', 'Posterior', 'ProposalInverter']
