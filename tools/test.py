"""Test a detector: mmdet's own test.py with this package imported.

    python tools/test.py CONFIG CHECKPOINT [--work-dir DIR] [--cfg-options KEY=VALUE ...]
"""
from _delegate import run_mmdet_tool

if __name__ == '__main__':
    run_mmdet_tool('test.py')
