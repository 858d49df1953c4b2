"""Detection needs no mmpretrain; that classification needs no mmdet is tested with its loop."""
from helpers.without import run_without


def detect_without(framework, tiny_detector, work_dir):
    return run_without(framework, 'tools/test.py', tiny_detector / 'config.py', tiny_detector / 'weights.pth',
                       '--work-dir', work_dir)


def test_a_detector_is_detect_without_mmpretrain(tiny_detector, tmp_path):
    done = detect_without('mmpretrain', tiny_detector, tmp_path)
    assert done.returncode == 0, done.stderr
    assert 'coco/bbox_mAP: ' in done.stdout


def test_a_missing_framework_is_one_sentence(tiny_detector, tmp_path):
    done = detect_without('mmdet', tiny_detector, tmp_path)
    assert done.returncode == 1 and done.stderr.endswith(
        f"{tiny_detector / 'config.py'} needs mmdet, which does not import (No module named 'mmdet'): "
        '`python tools/misc/check_env.py` says what to install.\n')
