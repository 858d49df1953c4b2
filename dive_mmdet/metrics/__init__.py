from .listening_metric import ListeningMetric

__all__ = ['ListeningMetric']
