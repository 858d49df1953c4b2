"""What a data set is like for a generator, before anything is trained.

    python tools/analysis_tools/inspect_data.py CONFIG

CONFIG is that of a generator, such as configs/your_own_data/generator.py. Prints how many images and boxes each part
has, the lines of data.py that follow from the annotations, and what is known to give trouble, each with what to do:
few, small or rare objects, and parts whose images are of another sharpness or colour than the training's.
"""
import argparse
import sys

import dive_mmdet.threads  # noqa: F401  before torch

import numpy as np
from mmengine.registry import DATASETS, DefaultScope

from dive_mmdet.datasets.advice import advice, layouts_of, suggestions
from dive_mmdet.datasets.appearance import appearance_advice, appearance_of
from dive_mmdet.engine.configured import load_config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    args = parser.parse_args()
    try:
        config = load_config(args.config)
        parts, looks = {}, {}
        with DefaultScope.overwrite_default_scope('mmdet'):
            for part in ('train', 'val', 'test'):
                dataset = DATASETS.build(config[f'{part}_dataloader'].dataset)
                parts[part], looks[part] = layouts_of(dataset), appearance_of(dataset, config.image_size)
    except (FileNotFoundError, KeyError, ValueError) as error:
        sys.exit(str(error.args[0]))
    for part, layouts in parts.items():
        print(f'{part}: {len(layouts.counts)} images, {len(layouts.labels)} boxes, at most {max(layouts.counts)} an '
              f'image, ' + ', '.join(f'{name} {int((layouts.labels == label).sum())}'
                                     for label, name in enumerate(layouts.classes)))
    size, train = config.image_size, parts['train']
    for name, side in zip(('width', 'height'), (train.sides * size).T):
        low, median, high = np.percentile(side, [5, 50, 95])
        print(f'{name} of boxes in images of {size} x {size}: {median:.0f} pixels, from {low:.0f} to {high:.0f} (5 to '
              '95 %)')
    values = suggestions(train)
    values['num_objects'] = max(max(layouts.counts) for layouts in parts.values())
    print('Lines of data.py: ' + '; '.join(f'{name} = {value}' for name, value in values.items()))
    said = advice(train, size) + appearance_advice(looks.pop('train'), looks)
    print('\n'.join(said) or 'Nothing is known to give trouble.')


if __name__ == '__main__':
    main()
