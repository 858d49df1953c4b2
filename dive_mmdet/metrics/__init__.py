from .listening_metric import ListeningMetric

__all__ = ['ListeningMetric']  # coco needs mmdet and is imported where that is there
