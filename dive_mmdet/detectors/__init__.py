from .dive_detector import DIVEDetector
from .generator_model import GeneratorModel

__all__ = ['DIVEDetector', 'GeneratorModel']
