from .dive_classifier import DIVEClassifier
from .generator_model import ClassGeneratorModel
from .preprocessor import GreyOrColourPreprocessor

__all__ = ['ClassGeneratorModel', 'DIVEClassifier', 'GreyOrColourPreprocessor']
