"""Annotations in the XML format of PASCAL VOC, as labelImg and others write it."""
import json
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple

from .coco_files import coco, write


class VocImage(NamedTuple):
    """What one XML file says.

    Attributes:
        file_name: of the image.
        width, height: in pixels.
        boxes: [[x0, y0, x1, y1], ...] in pixels, within the image.
        names: of the objects' classes.
        flat: how many boxes were left out, since nothing of them lies in the image.
    """
    file_name: str
    width: int
    height: int
    boxes: list[list[float]]
    names: list[str]
    flat: int


def read_voc(path: Path) -> VocImage:
    """One annotated image; its boxes are cut at the image's border.

    Raises:
        ValueError: the file is no XML, or lacks what it should say.
    """
    try:
        root = ElementTree.parse(path).getroot()
        width, height = (int(root.find(f'size/{side}').text) for side in ('width', 'height'))
        boxes, names = [], []
        for item in root.iter('object'):
            x0, y0, x1, y1 = (float(item.find(f'bndbox/{side}').text) for side in ('xmin', 'ymin', 'xmax', 'ymax'))
            boxes.append([max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)])
            names.append(item.find('name').text)
    except (ElementTree.ParseError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(f'{path} is no annotation in the format of PASCAL VOC ({error}): it needs size, and of each '
                         'object name and bndbox.') from None
    kept = [x0 < x1 and y0 < y1 for x0, y0, x1, y1 in boxes]
    return VocImage(root.findtext('filename') or f'{path.stem}.jpg', width, height,
                    [box for box, keep in zip(boxes, kept) if keep], [name for name, keep in zip(names, kept) if keep],
                    kept.count(False))


def convert(voc: Path, out: Path, parts: tuple[str, ...] = ('train', 'val', 'test')) -> list[str]:
    """Write the parts of a VOC folder as COCO files OUT/PART.json, their images to OUT/images.

    Args:
        voc: folder with Annotations/*.xml, JPEGImages and ImageSets/Main/PART.txt.
        out: folder of the data set.
        parts: names of the lists of images.

    Returns:
        a sentence about each part.

    Raises:
        FileNotFoundError: a list, an annotation or an image is missing.
        ValueError: see `read_voc`; or a part has no object.
    """
    read = {}
    for part in parts:
        stems = _existing(voc / 'ImageSets' / 'Main' / f'{part}.txt').read_text().split()
        # VOC's lists of one class have a second column of 1 and -1.
        read[part] = [(stem, read_voc(_existing(voc / 'Annotations' / f'{stem}.xml'))) for stem in stems
                      if stem not in ('1', '-1', '0')]
    classes = tuple(sorted({name for images in read.values() for _, image in images for name in image.names}))
    if not classes:
        raise ValueError(f'{voc} has no object: give the folder that holds Annotations, JPEGImages and ImageSets.')
    (out / 'images').mkdir(parents=True, exist_ok=True)
    said = []
    for part, images in read.items():
        scenes = []
        for stem, image in images:
            name = _image_of(voc / 'JPEGImages', stem, image.file_name)
            shutil.copyfile(voc / 'JPEGImages' / name, out / 'images' / name)
            scenes.append(dict(file_name=name, width=image.width, height=image.height, boxes=image.boxes,
                               labels=[classes.index(label) for label in image.names]))
        write(out / f'{part}.json', json.dumps(coco(scenes, classes, 1)).encode())
        said.append(f'{part}: {len(scenes)} images, {sum(len(scene["boxes"]) for scene in scenes)} objects, '
                    f'{sum(image.flat for _, image in images)} boxes without extent left out')
    return said


def _image_of(folder: Path, stem: str, file_name: str) -> str:
    """Name of the image file; some annotations name it without or with another extension."""
    for name in (file_name, f'{stem}.jpg', f'{stem}.png'):
        if (folder / name).is_file():
            return name
    raise FileNotFoundError(f'{folder / stem}.jpg is missing: get the images of all listed annotations.')


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f'{path} is missing: give the folder that holds Annotations, JPEGImages and ImageSets.')
    return path
