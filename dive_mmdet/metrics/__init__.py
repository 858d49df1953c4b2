from .coco import TestedCocoMetric
from .listening_metric import ListeningMetric

__all__ = ['ListeningMetric', 'TestedCocoMetric']
