"""Train a generator, a prior or a detector: mmdet's own train.py with this package imported.

    python tools/train.py CONFIG [--work-dir DIR] [--resume] [--cfg-options KEY=VALUE ...]
"""
from _delegate import run_mmdet_tool

if __name__ == '__main__':
    run_mmdet_tool('train.py')
