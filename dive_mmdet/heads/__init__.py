from .layout_head import LayoutHead

__all__ = ['LayoutHead']
