"""Whether the parts of a data set look as if one camera had made them."""
from typing import NamedTuple

import cv2
import numpy as np

SHARPER = 1.5  # times, from which on a generator prefers wrong layouts of the blurred images
BRIGHTER = 22  # grey values


class Appearance(NamedTuple):
    """Of images resized as a generator sees them.

    Attributes:
        sharpness: mean standard deviation of the Laplacian of the grey image.
        colours: mean of the channels, blue, green, red.
    """
    sharpness: float
    colours: tuple[float, float, float]


def appearance_of(dataset, size: int, most: int = 40) -> Appearance:
    """Of up to `most` images of any data set of mmdet's kind, spread over it; what cannot be read is left out."""
    sharpness, colours = [], []
    for index in np.linspace(0, len(dataset) - 1, min(most, len(dataset))).astype(int):
        image = cv2.imread(dataset.get_data_info(int(index))['img_path'])
        if image is None:
            continue
        image = cv2.resize(image, (size, size))
        sharpness.append(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(float), cv2.CV_64F).std())
        colours.append(image.mean(axis=(0, 1)))
    if not colours:
        return Appearance(0.0, (0.0, 0.0, 0.0))
    return Appearance(float(np.mean(sharpness)), tuple(np.mean(colours, axis=0).tolist()))


def appearance_advice(train: Appearance, others: dict[str, Appearance]) -> list[str]:
    """Sentences about parts that look unlike the training images, each with what to do."""
    said = []
    for part, other in others.items():
        ratio = max(train.sharpness, 1e-6) / max(other.sharpness, 1e-6)
        if max(ratio, 1 / ratio) > SHARPER:
            said.append(f'Training images are {ratio:.1f} times as sharp as those of {part}: a generator that saw one '
                        'sharpness prefers wrong layouts at another; set blur of `jitter`, or use images of one kind.')
        shift = float(np.abs(np.subtract(train.colours, other.colours)).max())
        if shift > BRIGHTER:
            said.append(f'A colour of the training images differs by {shift:.0f} grey values from that of {part} on '
                        'average: set colour of `jitter`, or use images of one kind.')
    return said
