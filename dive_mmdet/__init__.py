"""Detection and classification by inverting a frozen conditional diffusion model (DIVE, arXiv 2504.17253)."""
from . import heap, threads  # before anything that loads torch

# isort: split
from . import registry
from .version import __version__

__all__ = ['__version__', 'heap', 'registry', 'threads']
