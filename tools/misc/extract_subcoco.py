"""An annotation file of some images of a COCO annotation file; the same call writes the same bytes.

    python tools/misc/extract_subcoco.py ANNOTATIONS OUT --count 500 [--seed 0]
    python tools/misc/extract_subcoco.py ANNOTATIONS OUT --ids ids.txt
    python tools/misc/extract_subcoco.py ANNOTATIONS OUT --slots 30
    python tools/misc/extract_subcoco.py ANNOTATIONS OUT --all

COCO's evaluator scores every image of its annotation file, so a subset needs one of its own. --count draws images by
their ids alone, never by what is in them: a larger count of the same seed contains a smaller one. --ids takes the
images whose ids a text file holds, separated by white space. --slots takes the images that are layouts of that many
slots, to train on: they hold an object, and all objects but crowds are at least a pixel wide and high and lie within
the image. --all takes every image. Categories and annotations stay as they are, but for COCO's defaults where they lack
`supercategory`, `iscrowd` or `area`.
"""
import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from dive_mmdet.datasets.annotation_file import completed, read_annotations, require_sound
from dive_mmdet.datasets.coco_files import write


def draw(ids: list[int | str], count: int, seed: int) -> set[int | str]:
    """`count` of the ids.

    Raises:
        ValueError: there are fewer.
    """
    if not 1 <= count <= len(ids):
        raise ValueError(f'{count} images were asked for and the file has {len(ids)}.')
    order = np.random.default_rng(seed).permutation(len(ids))
    return {sorted(ids)[place] for place in order[:count]}


def layouts(annotations: dict, slots: int) -> set[int | str]:
    """Ids of the images that are layouts of at most `slots` objects; other images have none, too many or a bad box."""
    sizes = {image['id']: (image['width'], image['height']) for image in annotations['images']}
    count, bad = Counter(), set()
    for item in annotations['annotations']:
        if item['iscrowd']:
            continue
        x, y, width, height = item['bbox']
        right, bottom = sizes[item['image_id']]
        count[item['image_id']] += 1
        if not (width >= 1 and height >= 1 and item['area'] > 0 and min(x, y) >= 0 and x + width <= right
                and y + height <= bottom):
            bad.add(item['image_id'])
    return {image for image, objects in count.items() if objects <= slots} - bad


def subset(annotations: dict, chosen: set[int | str]) -> dict:
    """The same file with the chosen images and their annotations, in their order.

    Raises:
        ValueError: an id that no image has.
    """
    missing = sorted(chosen - {image['id'] for image in annotations['images']})
    if missing:
        raise ValueError(f'No image has the id {missing[0]} ({len(missing)} such ids).')
    return dict(annotations, images=[image for image in annotations['images'] if image['id'] in chosen],
                annotations=[item for item in annotations['annotations'] if item['image_id'] in chosen])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('annotations', type=Path)
    parser.add_argument('out', type=Path)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument('--count', type=int)
    which.add_argument('--ids', type=Path)
    which.add_argument('--slots', type=int)
    which.add_argument('--all', action='store_true')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    for path in filter(None, (args.annotations, args.ids)):
        if not path.is_file():
            sys.exit(f'{path} is missing.')
    try:
        whole = completed(read_annotations(args.annotations))
        require_sound(whole, args.annotations)
        ids = {str(image['id']): image['id'] for image in whole['images']}
        if args.count is not None:
            chosen = draw(list(ids.values()), args.count, args.seed)
        elif args.slots is not None:
            chosen = layouts(whole, args.slots)
        elif args.ids is not None:
            chosen = {ids.get(word, word) for word in args.ids.read_text().split()}
        else:
            chosen = set(ids.values())
        part = subset(whole, chosen)
    except ValueError as error:
        sys.exit(str(error))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write(args.out, json.dumps(part).encode())
    print(f'{args.out}: {len(part["images"])} images, {len(part["annotations"])} annotations')


if __name__ == '__main__':
    main()
