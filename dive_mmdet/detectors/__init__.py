from .dive_detector import DIVEDetector
from .generator_model import GeneratorModel
from .prior_model import LayoutPriorModel

__all__ = ['DIVEDetector', 'GeneratorModel', 'LayoutPriorModel']
