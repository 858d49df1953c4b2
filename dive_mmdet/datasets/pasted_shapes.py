"""A small colour data set: shapes of two classes pasted on photographs."""
import hashlib
import importlib.util
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from .coco_files import write_part

PHOTOGRAPHS = ('astronaut.png', 'chelsea.png', 'coffee.png')
CLASSES = ('disc', 'triangle')
WIDTH, HEIGHT = 96, 72
MIN_OBJECTS, MAX_OBJECTS = 10, 30
MIN_SIDE, MAX_SIDE = 7, 13
# name: (strip of every photograph as parts of its width, seed, images)
PARTS = {'train': ((0.0, 0.5), 0, 4000), 'val': ((0.5, 0.75), 1, 200), 'test': ((0.75, 1.0), 2, 300)}


@cache
def photographs() -> list[np.ndarray]:
    """The photographs, each (H, W, 3) BGR.

    Raises:
        FileNotFoundError: scikit-image is not installed or carries no such file.
    """
    spec = importlib.util.find_spec('skimage')
    folder = Path(spec.submodule_search_locations[0]) / 'data' if spec else Path('skimage') / 'data'
    images = [cv2.imread(str(folder / name)) if (folder / name).is_file() else None for name in PHOTOGRAPHS]
    for name, image in zip(PHOTOGRAPHS, images):
        if image is None:
            raise FileNotFoundError(f'{folder / name} is missing: `pip install scikit-image` brings the photographs.')
    return images


def background(strip: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """A random window, mirrored or not, of a strip of a random photograph, (HEIGHT, WIDTH, 3)."""
    image = photographs()[rng.integers(len(PHOTOGRAPHS))]
    left, right = (int(part * image.shape[1]) for part in strip)
    x, y = rng.integers(left, right - WIDTH + 1), rng.integers(image.shape[0] - HEIGHT + 1)
    window = image[y:y + HEIGHT, x:x + WIDTH]
    return (window[:, ::-1] if rng.integers(2) else window).copy()


def stamp(label: int, rng: np.random.Generator) -> np.ndarray:
    """Which pixels a random shape covers, cut to its extent, (h, w) bool."""
    width, height = rng.integers(MIN_SIDE, MAX_SIDE + 1, 2)
    if CLASSES[label] == 'disc':
        height = width
    y, x = np.mgrid[:height, :width] + 0.5
    if CLASSES[label] == 'disc':
        mask = (x - width / 2) ** 2 + (y - height / 2) ** 2 <= (width / 2) ** 2
    else:
        mask = np.abs(x - width / 2) <= y / height * width / 2
        mask = np.rot90(mask, rng.integers(4))
    rows, columns = mask.any(axis=1).nonzero()[0], mask.any(axis=0).nonzero()[0]
    return mask[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]


def paste(image: np.ndarray, rng: np.random.Generator) -> tuple[list[list[int]], list[int]]:
    """Paste shapes that do not touch on a BGR image, in place; boxes x0, y0, x1, y1 (x1, y1 exclusive) and labels.

    Both classes have the same bright blue to green colours, which the photographs have little of: only the outline
    tells a class.
    """
    taken = np.zeros(image.shape[:2], bool)
    boxes, labels = [], []
    for _ in range(rng.integers(MIN_OBJECTS, MAX_OBJECTS + 1)):
        label = int(rng.integers(len(CLASSES)))
        mask, colour = stamp(label, rng), rng.integers((160, 96, 0), (256, 256, 64))
        height, width = mask.shape
        for _ in range(200):
            x, y = int(rng.integers(image.shape[1] - width + 1)), int(rng.integers(image.shape[0] - height + 1))
            if not taken[max(y - 1, 0):y + height + 1, max(x - 1, 0):x + width + 1].any():
                image[y:y + height, x:x + width][mask] = colour
                taken[y:y + height, x:x + width] = True
                boxes.append([x, y, x + width, y + height])
                labels.append(label)
                break
    return boxes, labels


def compose(strip: tuple[float, float], seed: int, index: int) -> tuple[np.ndarray, list[list[int]], list[int]]:
    """Scene `index`: image (HEIGHT, WIDTH, 3) BGR, boxes and labels."""
    rng = np.random.default_rng([seed, index])
    image = background(strip, rng)
    return image, *paste(image, rng)


def make(out: Path, parts: dict = PARTS) -> str:
    """Write everything below `out`; returns a checksum over all files written."""
    digest = hashlib.sha256()
    for name, (strip, seed, count) in parts.items():
        scenes = (compose(strip, seed, index) for index in range(count))
        write_part(out, name, scenes, {}, CLASSES, 1, digest)
    return digest.hexdigest()
