"""What the demos' command lines take; torch is loaded later, so that the first line comes at once."""
import argparse
from pathlib import Path


def whole_number(text: str) -> int:
    """A whole number of 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number of 1 or more")
    return int(text)


def folder(text: str) -> Path:
    """A folder that is there or can be made, whole."""
    path = Path(text).resolve()
    if any(part.exists() and not part.is_dir() for part in (path, *path.parents)):
        raise argparse.ArgumentTypeError(f"'{text}' lies at or below a file: name a folder")
    return path
