from .dive_detector import DIVEDetector
from .preprocessor import GreyOrColourDetPreprocessor

__all__ = ['DIVEDetector', 'GreyOrColourDetPreprocessor']
