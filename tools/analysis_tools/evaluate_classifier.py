"""Accuracy and cost of one classifier on some images, also with other settings of its search.

    python tools/analysis_tools/evaluate_classifier.py CONFIG CHECKPOINT [--images 60] [--tuning] [--out DIR]
        [--inverter KEY=VALUE ...] [--precision float32]

Images are the first of the test set, or with --tuning of the `tuning_dataset`, on which settings are chosen.
"""
import argparse
import json
import warnings
from pathlib import Path

from mmengine.config import Config, DictAction

from dive_mmdet.analysis.classified import classify_images, evaluate


def configured(path: str, tuning: bool, inverter: dict) -> Config:
    """The config with other images and another search, where these are asked for."""
    config = Config.fromfile(path)
    if tuning:
        config.test_dataloader.dataset = config.tuning_dataset
    for hook in [*config.get('custom_hooks', []), *config.model.get('hooks', [])]:
        if 'inverter' in hook:
            hook.inverter.update(inverter)
    return config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--images', type=int, default=60)
    parser.add_argument('--tuning', action='store_true')
    parser.add_argument('--inverter', nargs='+', action=DictAction, default={})
    parser.add_argument('--precision', default=None)
    parser.add_argument('--out', type=Path, default=Path('work_dirs/evaluate_classifier'))
    args = parser.parse_args()
    warnings.filterwarnings('ignore')
    records = classify_images(configured(args.config, args.tuning, args.inverter), args.checkpoint, args.out,
                              range(args.images), args.precision)
    print(json.dumps(evaluate(records), indent=2))


if __name__ == '__main__':
    main()
