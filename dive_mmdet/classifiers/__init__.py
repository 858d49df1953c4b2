from .dive_classifier import DIVEClassifier
from .generator_model import ClassGeneratorModel

__all__ = ['ClassGeneratorModel', 'DIVEClassifier']
