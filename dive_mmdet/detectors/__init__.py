from .dive_detector import DIVEDetector

__all__ = ['DIVEDetector']
