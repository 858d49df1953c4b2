from .dive_classifier import DIVEClassifier
from .preprocessor import GreyOrColourPreprocessor

__all__ = ['DIVEClassifier', 'GreyOrColourPreprocessor']
