"""Write the digit scenes that are not made on the fly: PNG files and COCO annotations.

    python tools/dataset_converters/make_digit_scenes.py [--out data/digit_scenes]

The same call writes the same bytes. Subsets have annotation files of their own, since the COCO evaluator scores every
image of the file it is given; they are drawn by id.
"""
import argparse
import hashlib
import json
from pathlib import Path

import cv2
from whole_files import write

from dive_mmdet.datasets.digit_scenes import DigitSceneComposer
from dive_mmdet.datasets.scene_dataset import CLASSES

# name: (split of the digits, seed, scenes); no training of a generator or detector uses the seed of `calib`.
PARTS = {'val': ('val', 0, 300), 'calib': ('train', 1, 200)}
SUBSETS = {'val_32': ('val', 32), 'val_60': ('val', 60), 'val_100': ('val', 100), 'val_200': ('val', 200),
           'calib_32': ('calib', 32)}


def coco(scenes: list[dict]) -> dict:
    """COCO annotations of composed scenes."""
    annotations = []
    for scene in scenes:
        for (x0, y0, x1, y1), label in zip(scene['boxes'], scene['labels']):
            annotations.append(dict(id=len(annotations) + 1, image_id=scene['id'], category_id=label, iscrowd=0,
                                    bbox=[x0, y0, x1 - x0, y1 - y0], area=(x1 - x0) * (y1 - y0)))
    images = [dict(id=s['id'], file_name=s['file_name'], width=s['size'], height=s['size']) for s in scenes]
    categories = [dict(id=index, name=name) for index, name in enumerate(CLASSES)]
    return dict(images=images, annotations=annotations, categories=categories)


def make(out: Path, parts: dict = PARTS, subsets: dict = SUBSETS) -> str:
    """Write everything below `out`; returns a checksum over all files written."""
    digest = hashlib.sha256()
    for name, (split, seed, count) in parts.items():
        (out / name).mkdir(parents=True, exist_ok=True)
        composer, scenes = DigitSceneComposer(split=split, seed=seed), []
        for index in range(count):
            image, boxes, labels = composer.compose(index)
            file_name = f'{index:06d}.png'
            png = cv2.imencode('.png', image)[1].tobytes()
            write(out / name / file_name, png)
            digest.update(png)
            scenes.append(dict(id=index, file_name=file_name, size=composer.size, boxes=boxes.tolist(),
                               labels=labels.tolist()))
        files = {name: scenes} | {subset: scenes[:size] for subset, (part, size) in subsets.items() if part == name}
        for subset, chosen in files.items():
            text = json.dumps(coco(chosen), indent=0, sort_keys=True).encode()
            write(out / f'{subset}.json', text)
            digest.update(text)
    return digest.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', type=Path, default=Path('data/digit_scenes'))
    args = parser.parse_args()
    print(f'{args.out}: sha256 {make(args.out)}')


if __name__ == '__main__':
    main()
