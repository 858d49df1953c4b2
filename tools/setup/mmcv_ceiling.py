"""Let this environment's mmdet 3.3.0 take mmcv 2.2.0, which it refuses by its number alone.

    VENV/bin/python tools/setup/mmcv_ceiling.py

It works with it: the project's tests pass and its boxes are the same. Nothing is changed where mmdet takes it already.
"""
import importlib.util
import sys
from pathlib import Path

REFUSING, TAKING = "mmcv_maximum_version = '2.2.0'", "mmcv_maximum_version = '2.3.0'"


def raise_ceiling(path: Path) -> None:
    """Raise it in mmdet's `__init__.py`; a second call changes nothing."""
    text = path.read_text()
    if REFUSING not in text and TAKING not in text:
        sys.exit(f'Error: {path} is not the file of mmdet 3.3.0: `pip install --no-deps mmdet==3.3.0`.')
    path.write_text(text.replace(REFUSING, TAKING))


if __name__ == '__main__':
    raise_ceiling(Path(importlib.util.find_spec('mmdet').origin))
