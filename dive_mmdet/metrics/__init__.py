from .conditioning_metric import ConditioningMetric

__all__ = ['ConditioningMetric']  # coco needs mmdet and is imported where that is there
