"""Train a generator, a prior, a detector or a classifier: the train.py of mmdet or mmpretrain, as the config asks.

    python tools/train.py CONFIG [--work-dir DIR] [--resume] [--cfg-options KEY=VALUE ...]
"""
from _delegate import run_framework_tool

if __name__ == '__main__':
    run_framework_tool('train.py')
