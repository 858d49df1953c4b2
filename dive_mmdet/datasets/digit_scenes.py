"""Scenes composed from real handwritten digits: grey, square, one to four digits at exact tight boxes."""
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from .mnist_5k import split_digits

SPLIT_KEYS = {'train': 0, 'val': 1}
DIGITS = tuple(str(digit) for digit in range(10))
MAX_OVERLAP = 0.05  # largest part of the smaller box that two boxes may share
INK = 32  # grey values below it are set to 0, so that the box around what is left is exact


@dataclass(frozen=True)
class DigitSceneComposer:
    """Composes scene number i of a split; the same (seed, split, i) gives the same pixels.

    Attributes:
        split: digits to draw from, 'train' or 'val'; no digit is in both.
        seed: first part of the random state.
        size: side of the scene in pixels.
        max_digits: a scene holds 1 .. max_digits digits, equally often.
        min_side, max_side: range of a digit's longer side in pixels.
        max_rotation, max_shear: range of a random rotation and shear in degrees, both signs.
        exclude: names of digits that are in no scene; the others keep their order, and are labelled by it.

    Raises:
        ValueError: an excluded name is that of no digit, or no digit is left.
    """
    split: str = 'train'
    seed: int = 0
    size: int = 64
    max_digits: int = 4
    min_side: float = 14.0
    max_side: float = 30.0
    max_rotation: float = 0.0
    max_shear: float = 0.0
    exclude: Sequence[str | int] = ()

    def __post_init__(self):
        listed = [self.exclude] if isinstance(self.exclude, (str, int)) else self.exclude
        object.__setattr__(self, 'exclude', tuple(map(str, listed)))  # a command line makes numbers of digits
        unknown = [name for name in self.exclude if name not in DIGITS]
        if unknown or not self.classes:
            what = f"'{unknown[0]}' is no digit" if unknown else 'no digit is left'
            raise ValueError(f'exclude lists digits that scenes do without, and {what}: give some, not all, of '
                             f'{", ".join(DIGITS)}.')

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the labels."""
        return tuple(digit for digit in DIGITS if digit not in self.exclude)

    @cached_property
    def _digits(self) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels of the split's digits that are not excluded."""
        digits, values = split_digits(self.split)
        if not self.exclude:
            return digits, values
        label = np.array([self.classes.index(digit) if digit in self.classes else -1 for digit in DIGITS])[values]
        return digits[label >= 0], label[label >= 0]

    def compose(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scene `index`.

        Returns:
            image (size, size) uint8, boxes (k, 4) int64 x0, y0, x1, y1 in pixels (x1 and y1 exclusive),
            labels (k,) int64.
        """
        rng = np.random.default_rng([self.seed, SPLIT_KEYS[self.split], index])
        digits, classes = self._digits
        image = np.zeros((self.size, self.size), np.uint8)
        boxes, labels = [], []
        for _ in range(rng.integers(1, self.max_digits + 1)):
            pick = rng.integers(len(classes))
            stamp = self._stamp(digits[pick], rng)
            box = self._place(stamp.shape, boxes, rng)
            if box is None:
                continue
            x0, y0, x1, y1 = box
            np.maximum(image[y0:y1, x0:x1], stamp, out=image[y0:y1, x0:x1])
            boxes.append(box)
            labels.append(classes[pick])
        return image, np.array(boxes, np.int64), np.array(labels, np.int64)

    def _stamp(self, digit: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A resized digit, cut to its ink."""
        rows, columns = np.nonzero(digit >= INK)
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        side = rng.uniform(self.min_side, self.max_side)
        scale = side / max(height, width)
        angle, shear = rng.uniform(-1, 1, 2) * np.deg2rad([self.max_rotation, self.max_shear])
        centre = np.array([columns.min() + (width - 1) / 2, rows.min() + (height - 1) / 2])
        canvas = int(np.ceil(2 * self.max_side))
        stamp = warped(digit, scale, angle, shear, centre, np.full(2, (canvas - 1) / 2), canvas)
        stamp[stamp < INK] = 0
        rows, columns = np.nonzero(stamp)
        return stamp[rows.min():rows.max() + 1, columns.min():columns.max() + 1]

    def _place(self, shape: tuple[int, int], boxes: list, rng: np.random.Generator, tries: int = 30):
        """A free place for a box of `shape`, or None where `tries` random ones overlap others too much."""
        height, width = shape
        for _ in range(tries):
            x0, y0 = rng.integers(self.size - width + 1), rng.integers(self.size - height + 1)
            box = (x0, y0, x0 + width, y0 + height)
            if all(_shared(box, other) <= MAX_OVERLAP for other in boxes):
                return box
        return None


def warped(digit: np.ndarray, scale: float, angle: float, shear: float, point: np.ndarray, place: np.ndarray,
           side: int) -> np.ndarray:
    """A digit sheared, turned (both in radians) and scaled about a point x, y, which comes to a place, (side, side)."""
    cos, sin = np.cos(angle), np.sin(angle)
    linear = scale * np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, np.tan(shear)], [0, 1]])
    affine = np.column_stack([linear, place - linear @ point])
    # Averaging before a reduction keeps thin strokes; the interpolation alone would skip pixels.
    source = cv2.GaussianBlur(digit, (0, 0), 0.4 / scale) if scale < 0.8 else digit
    return cv2.warpAffine(source, affine, (side, side), flags=cv2.INTER_LINEAR)


def _shared(a, b) -> float:
    """Intersection of two boxes over the area of the smaller."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return max(width, 0) * max(height, 0) / smaller
