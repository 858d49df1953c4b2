"""Train everything that the classification demo ships, from nothing: two generators and two baselines.

    python demo/train_classify.py [--out weights]

Each step is the command that a user would type and is skipped when its result is there; an interrupted training goes
on from its last checkpoint.
"""
import argparse
import os
from pathlib import Path

import train_detect
from classify import DATA_SETS, ROOT

CONFIGS = {'dive': 'configs/class_generator/dit_{}.py', 'resnet': 'configs/resnet/resnet18_{}.py'}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', type=Path, default=Path('weights'))
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/train_classify'))
    args = parser.parse_args()
    os.chdir(ROOT)
    for data_set, name in DATA_SETS.items():
        for kind, config in CONFIGS.items():
            last = train_detect.train(config.format(name), args.work_dir / f'{kind}_{data_set}')
            train_detect.run('tools/misc/publish_weights.py', last, args.out / f'{kind}_{data_set}.pth', '--half')


if __name__ == '__main__':
    main()
