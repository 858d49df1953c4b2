"""Classification: DIVE, Diffusion Classifier and a ResNet on the same images, of 10 classes and of 1,000.

    python demo/classify.py [--images 100] [--few 16] [--out work_dirs/demo_classify] [--precision float32]

Writes OUT/report.json, with one object a data set and in it one a method, and OUT/accuracy_by_nfe.png. Methods that
take minutes (`SLOW`) run on the first FEW images, and every method is then also reported on exactly those
(`same_images`). A finished image is on disk at once and skipped when the command is repeated.
"""
from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from dive_mmdet.arguments import at_least_one, folder

if TYPE_CHECKING:  # what takes seconds to import comes after the first line that is printed
    from dive_mmdet.engine.records.record import Record

ROOT = Path(__file__).resolve().parent.parent

# Name in files, name in configs and weights.
DATA_SETS = {'mnist_5k': 'mnist-5k', 'digit_strings_1000': 'digit-strings-1000'}
METHODS = {'dive_reference': 'dive_cls/dive-reference', 'dive': 'dive_cls/dive',
           'diffusion_classifier_exhaustive': 'dive_cls/exhaustive',
           'diffusion_classifier_adaptive': 'dive_cls/adaptive', 'resnet': 'resnet/resnet18'}
SLOW = {('digit_strings_1000', 'diffusion_classifier_exhaustive')}
BASELINE = 'diffusion_classifier_adaptive'
COLUMNS = ('accuracy_top1', 'accuracy_top5', 'nfe_per_image', 'seconds_per_image', 'images')


def weights_of(data_set: str, method: str) -> Path:
    """Where the weights lie.

    Raises:
        SystemExit: they are missing.
    """
    path = ROOT / 'weights' / f'{"resnet" if method == "resnet" else "dive"}_{data_set}.pth'
    if not path.is_file():
        sys.exit(f'{path.relative_to(ROOT)} is missing: check out the repository whole, or make it with '
                 '`make train-classify`.')
    return path


def classify(out: Path, images: int, few: int, precision: str) -> dict[str, dict[str, list[Record]]]:
    """Records by data set and method."""
    from dive_mmdet.engine.configured import load_config
    from dive_mmdet.engine.run import run_test
    records = {}
    for data_set, name in DATA_SETS.items():
        records[data_set] = {}
        for method, config in METHODS.items():
            count = min(few, images) if (data_set, method) in SLOW else images
            path = f'configs/{config}_{name}.py'
            print(f'{data_set}, {method}: {count} images with {path}', flush=True)
            options = {} if method == 'resnet' else {'model.objective.precision': precision}
            run = run_test(load_config(path, options, images=count), weights_of(data_set, method),
                           out / data_set / method, show=lambda line: print(f'    {line}', flush=True))
            if run.status:
                sys.exit(run.status)
            records[data_set][method] = list(run.records.values())
    return records


def report_of(records: dict[str, list[Record]]) -> dict:
    """All methods of one data set on their own images and, where these differ, on those that all have in common."""
    from dive_mmdet.analysis.classification import paired_difference
    from dive_mmdet.engine.scores import accuracies, costs
    report = {method: {**accuracies(found), **costs(found)} for method, found in records.items()}
    common = min(len(found) for found in records.values())
    same = {method: found[:common] for method, found in records.items()}
    exhaustive = same['diffusion_classifier_exhaustive']
    report['same_images'] = {method: dict(
        accuracies(found), **costs(found),
        as_exhaustive=100 * sum(a.label == b.label for a, b in zip(found, exhaustive)) / common)
        for method, found in same.items()}
    report['difference_of_dive_and'] = {}
    for other, found in records.items():
        if other != 'dive':
            both = min(len(found), len(records['dive']))
            report['difference_of_dive_and'][other] = paired_difference(records['dive'][:both], found[:both])
    return report


def table(report: dict[str, dict]) -> str:
    """The report as text, a row a method."""
    lines = ['  '.join([f'{"":32s}', *(f'{column:>17s}' for column in COLUMNS)])]
    for title, part in (('all images', report), ('the same images', report['same_images'])):
        lines.append(f'{title}:')
        for method in METHODS:
            cells = [f'{part[method][c]:17d}' if c == 'images' else f'{part[method][c]:17.3f}' for c in COLUMNS]
            lines.append('  '.join([f'{method:32s}', *cells]))
    return '\n'.join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--images', type=at_least_one, default=100, help='of each data set')
    parser.add_argument('--few', type=at_least_one, default=16, help='images of the methods that take minutes')
    parser.add_argument('--out', type=folder, default=folder('work_dirs/demo_classify'))
    parser.add_argument('--precision', default='auto',
                        help='of the objective; by default bfloat16 where this machine multiplies it in hardware')
    args = parser.parse_args()
    if min(args.images, args.few) < 2:
        sys.exit('--images and --few must be at least 2: an interval of one image is none.')
    os.chdir(ROOT)
    warnings.filterwarnings('ignore')
    from dive_mmdet.analysis.classification_picture import draw_accuracy
    from dive_mmdet.diffusion.precision import fastest_precision
    precision = fastest_precision() if args.precision == 'auto' else args.precision
    print(f'precision of the objective: {precision}', flush=True)
    records = classify(args.out, args.images, args.few, precision)
    report = {data_set: report_of(found) for data_set, found in records.items()}
    (args.out / 'report.json').write_text(json.dumps(report, indent=2) + '\n')
    draw_accuracy(records, args.out / 'accuracy_by_nfe.png')
    for data_set, part in report.items():
        print(f'\n{data_set}\n{table(part)}')
        low, high = (part['difference_of_dive_and'][BASELINE][key] for key in ('low', 'high'))
        print(f'dive less {BASELINE}: {low:.1f} to {high:.1f} points of top-1 (paired, 95 %)')
    print(f'\n{args.out / "report.json"} and accuracy_by_nfe.png beside it')


if __name__ == '__main__':
    main()
