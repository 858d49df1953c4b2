"""How the evaluations of every method grow with the number of classes, by restricting the candidates.

    python demo/nfe_by_classes.py [--classes 10 100 1000] [--images 40] [--few 8]
        [--precision float32] [--out work_dirs/nfe_by_classes]

Classes are drawn at random, the fewer among the more, and images are the first ones of them in the test set; rows of
other classes are dropped from the table before anything is inverted, and no stage keeps more classes than there are.
Writes OUT/report.json and OUT/nfe_by_classes.png.
"""
import argparse
import json
import os
import sys
import warnings
from pathlib import Path

import dive_mmdet.threads  # noqa: F401  before torch

import torch
from classify import DATA_SETS, METHODS, ROOT, weights_of
from mmengine.hooks import Hook
from mmengine.registry import DATASETS, DefaultScope
from torch import nn

from dive_mmdet.arguments import at_least_one, folder
from dive_mmdet.diffusion.precision import fastest_precision
from dive_mmdet.engine.configured import load_config
from dive_mmdet.engine.run import run_test
from dive_mmdet.engine.scores import costs
from dive_mmdet.hooks.unwrapped import unwrapped
from dive_mmdet.layout import ClassVocabulary

DATA_SET = 'digit_strings_1000'
SLOW = ('dive_reference', 'diffusion_classifier_exhaustive')


def chosen_classes(count: int, total: int, seed: int = 0) -> list[int]:
    """`count` of `total` classes in order; fewer of them are among more."""
    return sorted(torch.randperm(total, generator=torch.Generator().manual_seed(seed))[:count].tolist())


def restrict(model, classes: list[int]) -> None:
    """Leave some classes to a classifier, which become 0, 1, ..."""
    generator = model.backbone
    rows = generator.table.weight[[*classes, generator.vocabulary.none]]
    generator.table.weight = nn.Parameter(rows.detach().clone(), requires_grad=False)
    generator.vocabulary = ClassVocabulary(len(classes))


def fit(inverter: dict, count: int) -> None:
    """Fit the settings of a search to fewer classes."""
    if 'candidates' in inverter:
        inverter['candidates'] = count = min(inverter['candidates'], count)
    if 'keep' in inverter.get('race', {}):
        inverter['race']['keep'] = [min(keep, count) for keep in inverter['race']['keep']]


def images_of(dataset, classes: list[int], count: int) -> list[int]:
    """The first images of a data set that are of these classes."""
    found, wanted, index = [], set(classes), 0
    while len(found) < count:
        if dataset.get_data_info(index)['gt_label'] in wanted:
            found.append(index)
        index += 1
    return found


class Restricted(Hook):
    """Leaves some classes to a classifier once its weights are loaded."""

    def __init__(self, classes: list[int]):
        self.classes = classes

    def before_test(self, runner) -> None:
        """Called before the first image."""
        restrict(unwrapped(runner.model), self.classes)


def measure(method: str, count: int, images: int, out: Path, precision: str) -> dict[str, float]:
    """Accuracies and costs of a method among `count` classes."""
    config = load_config(str(ROOT / f'configs/{METHODS[method]}_{DATA_SETS[DATA_SET]}.py'),
                         {'model.objective.precision': precision})
    if count > config.num_classes:
        sys.exit(f'There are {config.num_classes} classes, not {count}: ask for fewer in --classes.')
    classes = chosen_classes(count, config.num_classes)
    config.test_dataloader.dataset.num_images = 10 ** 9  # composed when asked for
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        dataset = DATASETS.build(config.test_dataloader.dataset)
    config.test_dataloader.dataset.indices = images_of(dataset, classes, images)
    fit(config.model.inverter, count)
    run = run_test(config, weights_of(DATA_SET, method), out / f'{count}' / method,
                   show=lambda line: print(f'    {line}', flush=True), hooks=[Restricted(classes)])
    right = [classes[record.label] == record.truth for record in run.records.values()]
    return dict(costs(run.records.values()), accuracy_top1=100 * sum(right) / len(right))


def draw(report: dict[str, dict[str, dict]], out: Path) -> None:
    """Evaluations an image over classes, a curve a method, with the accuracies."""
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(figsize=(6, 4))
    for method, values in report.items():
        counts = [int(count) for count in values]
        nfe = [value['nfe_per_image'] for value in values.values()]
        axes.plot(counts, nfe, marker='o', label=method)
        for count, height, value in zip(counts, nfe, values.values()):
            axes.annotate(f'{value["accuracy_top1"]:.0f} %', (count, height), fontsize=6, xytext=(3, 3),
                          textcoords='offset points')
    axes.set(xscale='log', yscale='log', xlabel='classes', ylabel='network evaluations an image')
    axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(out, dpi=150)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--classes', type=at_least_one, nargs='+', default=[10, 100, 1000])
    parser.add_argument('--images', type=at_least_one, default=40)
    parser.add_argument('--few', type=at_least_one, default=8, help='images of the methods that take minutes')
    parser.add_argument('--precision', default='auto')
    parser.add_argument('--out', type=folder, default=folder('work_dirs/nfe_by_classes'))
    args = parser.parse_args()
    os.chdir(ROOT)
    warnings.filterwarnings('ignore')
    precision = fastest_precision() if args.precision == 'auto' else args.precision
    report = {}
    for method in METHODS:
        if method == 'resnet':
            continue
        images = min(args.few, args.images) if method in SLOW else args.images
        report[method] = {}
        for count in sorted(args.classes):
            print(f'{method} among {count} classes: {images} images', flush=True)
            report[method][str(count)] = measure(method, count, images, args.out, precision)
            values = report[method][str(count)]
            print(f'    {values["nfe_per_image"]:.0f} evaluations an image, top-1 {values["accuracy_top1"]:.1f} %')
    (args.out / 'report.json').write_text(json.dumps(report, indent=2) + '\n')
    draw(report, args.out / 'nfe_by_classes.png')
    print(f'{args.out / "report.json"} and nfe_by_classes.png beside it')


if __name__ == '__main__':
    main()
