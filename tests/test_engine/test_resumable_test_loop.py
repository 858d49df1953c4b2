"""Faults against real runs of the framework's Runner: what was finished is kept, and results are those without faults.
"""
import json
import random
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'benchmarks'))
import fault_harness as harness  # noqa: E402

RESUME = {'test_cfg.resume': True}
IMAGES = 12


@pytest.fixture(scope='module')
def job(tiny_detector):
    """Twelve images, read from the four files that there are."""
    truth = json.loads((tiny_detector / 'truth.json').read_text())
    for name in ('images', 'annotations'):
        truth[name] = [dict(item, **{key: item[key] + 4 * turn for key in ('id', 'image_id') if key in item})
                       for turn in range(IMAGES // 4) for item in truth[name]]
    (tiny_detector / 'twelve.json').write_text(json.dumps(truth))
    return harness.Job(tiny_detector / 'config.py', tiny_detector / 'weights.pth', {
        'test_dataloader.dataset.ann_file': 'twelve.json',
        'test_evaluator.ann_file': str(tiny_detector / 'twelve.json')})


@pytest.fixture(scope='module')
def undisturbed(job, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('undisturbed') / 'run'
    assert job.finish(work_dir) == [0], harness.said(work_dir)[-2000:]
    assert len(harness.predictions(work_dir)) == len(harness.begun(work_dir)) == IMAGES
    return work_dir


def assert_same_results(work_dir, other):
    assert harness.predictions(work_dir) == harness.predictions(other)
    assert harness.metrics(work_dir) == harness.metrics(other)


def test_killed_five_times_a_run_predicts_what_an_undisturbed_one_does(job, undisturbed, tmp_path):
    kills = harness.kill_again_and_again(job, tmp_path / 'run', 5, 0.3, random.Random(0))
    assert kills == 5
    assert job.finish(tmp_path / 'run', **RESUME) == [0]
    assert_same_results(tmp_path / 'run', undisturbed)
    often = Counter(harness.begun(tmp_path / 'run'))
    assert len(often) == IMAGES and sum(often.values()) <= IMAGES + kills
