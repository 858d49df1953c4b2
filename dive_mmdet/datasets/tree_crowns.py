"""Tree crowns in airborne photographs of NEON that the deepforest package carries, cut into tiles."""
import hashlib
import importlib.util
from pathlib import Path
from typing import Iterator, NamedTuple

import cv2
import numpy as np

from .coco_files import write_part
from .voc_files import read_voc

CLASSES = ('tree',)
TILE = 128  # pixels of 0.1 m; crowns are 15 to 75 wide
LEAST_PART, LEAST_SIDE = 1 / 3, 6  # of a crown, in its tile; pixels


class Part(NamedTuple):
    """Where a part of the data set comes from.

    Attributes:
        stem: of image and annotation file.
        columns: strip of the image as pixels from its left edge, or from its right one where negative; None for all.
        side, stride: of the tiles in pixels.
    """
    stem: str
    columns: tuple[int | None, int | None] = (None, None)
    side: int = TILE
    stride: int = TILE


# Training tiles overlap, and are a quarter larger, so that random crops of them are as large as the others. Between the
# strips of `val` and `test` lie 97 pixels of neither.
PARTS = dict(
    train=Part('2019_YELL_2_528000_4978000_image_crop2', side=160, stride=80),
    val=Part('2019_YELL_2_541000_4977000_image_crop', (0, 3 * TILE)),
    test=Part('2019_YELL_2_541000_4977000_image_crop', (-6 * TILE, None)),
    osbs=Part('OSBS_029'),
    soap=Part('SOAP_061'))


def data_folder() -> Path:
    """Where the package's photographs lie; the package is not imported, so what it depends on is not needed.

    Raises:
        FileNotFoundError: the package is not installed.
    """
    spec = importlib.util.find_spec('deepforest')
    if spec is None:
        raise FileNotFoundError('The tree crowns are in a package: `pip install --no-deps deepforest==2.1.0`.')
    return Path(spec.submodule_search_locations[0]) / 'data'


def tiles(image: np.ndarray, boxes: np.ndarray, side: int, stride: int) -> Iterator[tuple[np.ndarray, list, list]]:
    """Tiles of an image row by row, what does not fill one left out: (side, side, 3), boxes and labels.

    A crown belongs to a tile that holds at least a third of its area and `LEAST_SIDE` pixels of each side of it.
    """
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    for y in range(0, image.shape[0] - side + 1, stride):
        for x in range(0, image.shape[1] - side + 1, stride):
            cut = (boxes - [x, y, x, y]).clip(0, side)
            sides = cut[:, 2:] - cut[:, :2]
            kept = (sides.prod(axis=1) >= LEAST_PART * area) & (sides >= LEAST_SIDE).all(axis=1)
            yield image[y:y + side, x:x + side], cut[kept].tolist(), [0] * int(kept.sum())


def cut_part(folder: Path, part: Part) -> Iterator[tuple[np.ndarray, list, list]]:
    """The tiles of a part.

    Raises:
        FileNotFoundError: the package has no such image.
    """
    image = cv2.imread(str(folder / f'{part.stem}.png'))
    if image is None:
        raise FileNotFoundError(f'{folder / part.stem}.png is missing: `pip install --no-deps deepforest==2.1.0` '
                                'brings it.')
    boxes = np.array(read_voc(folder / f'{part.stem}.xml').boxes).reshape(-1, 4).astype(int)
    left, right, _ = slice(*part.columns).indices(image.shape[1])
    return tiles(image[:, left:right], boxes - [left, 0, left, 0], part.side, part.stride)


def make(out: Path, parts: dict[str, Part] = PARTS, folder: Path | None = None) -> str:
    """Write everything below `out`; returns a checksum over all files written."""
    digest, folder = hashlib.sha256(), folder or data_folder()
    for name, part in parts.items():
        write_part(out, name, cut_part(folder, part), {}, CLASSES, 1, digest)
    return digest.hexdigest()
