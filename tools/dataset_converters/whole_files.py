"""Files that are there whole or not at all."""
import os
from pathlib import Path


def write(path: Path, data: bytes) -> None:
    """Write a file at once."""
    partial = path.with_name(path.name + '.partial')
    partial.write_bytes(data)
    os.replace(partial, path)
