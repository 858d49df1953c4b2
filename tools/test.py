"""Test a detector or a classifier: the test.py of mmdet or mmpretrain, as the config asks, with this package imported.

    python tools/test.py CONFIG CHECKPOINT [--work-dir DIR] [--resume] [--cfg-options KEY=VALUE ...]

With --resume the images that an earlier test stored in the same --work-dir are not computed again; it sets
`test_cfg.resume=True`, which mmdet's own test.py takes as an option.
"""
import sys

from _delegate import run_framework_tool

from dive_mmdet.engine.interruption import with_resume

if __name__ == '__main__':
    if '--resume' in sys.argv:
        sys.argv.remove('--resume')
        sys.argv = with_resume(sys.argv)
    run_framework_tool('test.py')
