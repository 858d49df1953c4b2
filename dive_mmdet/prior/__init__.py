from .layout_prior import LayoutPrior

__all__ = ['LayoutPrior']
