"""Data sets written as PNG files and COCO annotations, the same bytes every time."""
import json
import os
from pathlib import Path
from typing import Iterable

import cv2
import numpy as np


def write(path: Path, data: bytes) -> None:
    """Write a file: it is there whole or not at all."""
    partial = path.with_name(path.name + '.partial')
    partial.write_bytes(data)
    os.replace(partial, path)


def file_name(index: int) -> str:
    """Of scene `index` of a part."""
    return f'{index:06d}.png'


def coco(scenes: list[dict], classes: tuple[str, ...], first_category: int) -> dict:
    """COCO annotations of scenes; ids of images follow their order, those of categories begin at `first_category`.

    Args:
        scenes: each with file_name, width, height, boxes [[x0, y0, x1, y1], ...] in pixels and labels.
        classes: names of the labels.
        first_category: id of the first class.
    """
    annotations = []
    for index, scene in enumerate(scenes):
        for (x0, y0, x1, y1), label in zip(scene['boxes'], scene['labels']):
            annotations.append(dict(id=len(annotations) + 1, image_id=index, category_id=label + first_category,
                                    iscrowd=0, bbox=[x0, y0, x1 - x0, y1 - y0], area=(x1 - x0) * (y1 - y0)))
    images = [dict(id=index, file_name=scene['file_name'], width=scene['width'], height=scene['height'])
              for index, scene in enumerate(scenes)]
    categories = [dict(id=index, name=name, supercategory=name)
                  for index, name in enumerate(classes, start=first_category)]
    return dict(info={}, licenses=[], images=images, annotations=annotations, categories=categories)


def write_part(out: Path, name: str, scenes: Iterable[tuple[np.ndarray, list, list]], subsets: dict[str, int],
               classes: tuple[str, ...], first_category: int, digest) -> None:
    """Write one part of a data set: its images, its annotation file, and those of its subsets.

    Args:
        out: folder of the data set; images go to OUT/NAME, annotations to OUT/NAME.json.
        name: of the part.
        scenes: image (H, W) or (H, W, 3) BGR, boxes [[x0, y0, x1, y1], ...] in pixels, labels.
        subsets: name and size; a subset is the beginning of the part.
        classes, first_category: see `coco`.
        digest: of hashlib, updated with all that is written.
    """
    (out / name).mkdir(parents=True, exist_ok=True)
    written = []
    for index, (image, boxes, labels) in enumerate(scenes):
        png = cv2.imencode('.png', image)[1].tobytes()
        write(out / name / file_name(index), png)
        digest.update(png)
        height, width = image.shape[:2]
        written.append(dict(file_name=file_name(index), width=width, height=height, boxes=boxes, labels=labels))
    for annotations, size in {name: len(written), **subsets}.items():
        text = json.dumps(coco(written[:size], classes, first_category), indent=0, sort_keys=True).encode()
        write(out / f'{annotations}.json', text)
        digest.update(text)
