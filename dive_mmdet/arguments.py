"""What command lines take. Nothing heavy is imported here: the demos print their first line before they load torch."""
import argparse
from pathlib import Path


def at_least_one(text: str) -> int:
    """A whole number of a command line, 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number of 1 or more")
    return int(text)


def folder(text: str) -> Path:
    """A folder that is there or can be made, as a whole path."""
    path = Path(text).resolve()
    if any(part.exists() and not part.is_dir() for part in (path, *path.parents)):
        raise argparse.ArgumentTypeError(f"'{text}' lies at or below a file: name a folder")
    return path
