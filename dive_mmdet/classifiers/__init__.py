from .dive_classifier import DIVEClassifier

__all__ = ['DIVEClassifier']
