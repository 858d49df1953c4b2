"""Test a detector or a classifier: the test.py of mmdet or mmpretrain, as the config asks, with this package imported.

    python tools/test.py CONFIG CHECKPOINT [--work-dir DIR] [--cfg-options KEY=VALUE ...]
"""
from _delegate import run_framework_tool

if __name__ == '__main__':
    run_framework_tool('test.py')
