"""Detection and classification by inverting a frozen conditional diffusion model (DIVE, arXiv 2504.17253)."""
from . import checkpoint_guard, registry
from .version import __version__

__all__ = ['__version__', 'checkpoint_guard', 'registry']
