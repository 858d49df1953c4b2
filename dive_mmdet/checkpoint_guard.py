"""From the import of this package on, checkpoints that the framework opens from disk are read as plain data.

mmengine's own loader falls back to unpickling whatever a file holds. Configs name this package in `custom_imports`, so
test.py, train.py, inferencers and hooks are guarded as soon as they have read one of them. Schemes other than paths
(s3, pavi) are mmengine's own.
"""
from pathlib import Path

import numpy as np
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import CheckpointLoader

_CORE = np._core if hasattr(np, '_core') else np.core


def _statistics_alone(owner, name: str):
    """Stands for `getattr`, by which a HistoryBuffer remembers its own methods."""
    if owner is not HistoryBuffer or name not in ('min', 'max', 'mean', 'current'):
        raise ValueError(f'it asks for {name} of {owner}')
    return getattr(owner, name)


# What the Runner leaves beside the weights: losses, in numpy arrays.
RUNNER = [HistoryBuffer, (_statistics_alone, 'builtins.getattr'), np.ndarray, np.dtype, _CORE.multiarray.scalar,
          _CORE.multiarray._reconstruct, *{type(np.dtype(name)) for name in ('float32', 'float64', 'int64', 'uint32')}]


def load_from_local(filename: str, map_location=None) -> dict:
    """A checkpoint from disk, of the Runner or of anyone.

    Raises:
        FileNotFoundError: nothing lies there.
        UnreadableCheckpoint: it holds more than plain data; nothing of it was executed.
    """
    from dive_mmdet.diffusion.untrusted import load_untrusted  # a whole floor, which few need so early
    return load_untrusted(Path(filename).expanduser(), map_location, RUNNER)


CheckpointLoader.register_scheme('', load_from_local, force=True)
