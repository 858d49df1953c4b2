from .class_head import ClassHead
from .layout_head import LayoutHead

__all__ = ['ClassHead', 'LayoutHead']
