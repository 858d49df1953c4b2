"""What a data set will give trouble with, said before a training, from its annotations alone."""
import math
from dataclasses import dataclass

import numpy as np

FEW_BOXES = 500
SMALL = 6  # pixels of the resized image
SOME = 0.05  # share of the boxes that may be smaller


@dataclass(frozen=True)
class Layouts:
    """The annotated layouts of a data set.

    Attributes:
        sides: (n, 2) widths and heights of all boxes as parts of their image's sides.
        labels: (n,).
        counts: objects of each image.
        classes: names.
    """
    sides: np.ndarray
    labels: np.ndarray
    counts: list[int]
    classes: tuple[str, ...]


def layouts_of(dataset) -> Layouts:
    """Of any data set of mmdet's kind; crowds are no objects."""
    sides, labels, counts = [], [], []
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        objects = [item for item in info['instances'] if not item['ignore_flag']]
        counts.append(len(objects))
        for item in objects:
            x0, y0, x1, y1 = item['bbox']
            sides.append([(x1 - x0) / info['width'], (y1 - y0) / info['height']])
            labels.append(item['bbox_label'])
    return Layouts(np.array(sides).reshape(-1, 2), np.array(labels, int), counts, tuple(dataset.metainfo['classes']))


def suggestions(layouts: Layouts) -> dict:
    """Lines of data.py that follow from the annotations: slots, and longer sides of small and large objects."""
    longer = layouts.sides.max(axis=1)
    low, high = np.percentile(longer, [1, 99])
    return dict(num_objects=max(layouts.counts), sides=(round(float(low), 2), round(float(high), 2)))


def advice(layouts: Layouts, image_size: int) -> list[str]:
    """Sentences about what is known to give trouble, each with what to do.

    Args:
        layouts: to be trained on.
        image_size: side of the square that images are resized to.
    """
    said, count = [], len(layouts.labels)
    if count < FEW_BOXES:
        said.append(f'There are {count} boxes, and below about {FEW_BOXES} a generator learns the images by heart: '
                    'annotate more, or let `flip` and `crop` of data.py make more of them.')
    of_class = np.bincount(layouts.labels, minlength=len(layouts.classes))
    rare = [f'{name} ({number})' for name, number in zip(layouts.classes, of_class) if 20 * number < of_class.max()]
    if rare:
        said.append(f'Of {", ".join(rare)} there are less than a twentieth of the boxes of the most frequent class: it '
                    'will be told apart last, so annotate more images that have it.')
    if len(layouts.classes) == 1:
        said.append('There is one class, so there are none to tell apart: the check has no class_swapped, and shifted, '
                    'shrunk, grown, dropped and extra are what counts.')
    shorter = layouts.sides.min(axis=1) * image_size
    small = float((shorter < SMALL).mean()) if count else 0.0
    if small > SOME:
        needed = 8 * math.ceil(image_size * SMALL / float(np.quantile(shorter, SOME)) / 8)
        said.append(f'{100 * small:.0f} % of the boxes are narrower than {SMALL} pixels in images of {image_size} x '
                    f'{image_size}, where generators tell little apart: set image_size to {needed}, or cut the images '
                    'into tiles.')
    return said
