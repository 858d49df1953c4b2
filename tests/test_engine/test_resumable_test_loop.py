"""Faults against real runs of the framework's Runner: what was finished is kept, and results are those without faults.
"""
import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from mmengine.config import Config

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'benchmarks'))
import fault_harness as harness  # noqa: E402

RESUME = {'test_cfg.resume': True}
IMAGES = 12
INVERTER = dict(type='dive_mmdet.GradientInverter', loops=1, pairs_per_step=1)


@pytest.fixture(scope='module')
def job(tiny_detector):
    """Twelve images, read from the four files that there are."""
    truth = json.loads((tiny_detector / 'truth.json').read_text())
    for name in ('images', 'annotations'):
        truth[name] = [dict(item, **{key: item[key] + 4 * turn for key in ('id', 'image_id') if key in item})
                       for turn in range(IMAGES // 4) for item in truth[name]]
    (tiny_detector / 'twelve.json').write_text(json.dumps(truth))
    config = Config.fromfile(tiny_detector / 'config.py')
    for hooks in (config.custom_hooks, config.model.hooks):
        hooks[0].inverter = INVERTER
    config.dump(str(tiny_detector / 'gradient.py'))
    return harness.Job(tiny_detector / 'gradient.py', tiny_detector / 'weights.pth', {
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
    kills = harness.kill_again_and_again(job, tmp_path / 'run', 5, 0.1, random.Random(0))
    assert kills == 5
    assert job.finish(tmp_path / 'run', **RESUME) == [0]
    assert_same_results(tmp_path / 'run', undisturbed)
    often = Counter(harness.begun(tmp_path / 'run'))
    assert len(often) == IMAGES and sum(often.values()) <= IMAGES + kills


def test_a_rank_is_killed_and_any_number_of_ranks_goes_on(job, undisturbed, tmp_path):
    meeting = tmp_path / 'meeting'
    both = [job.start(tmp_path / 'run', rank, 2, meeting) for rank in range(2)]
    while not (tmp_path / 'run/begun.txt').exists() or len(harness.begun(tmp_path / 'run')) < 4:
        time.sleep(0.01)
    os.kill(both[1].pid, signal.SIGKILL)
    for process in both:
        process.join()
    assert both[0].exitcode != 0  # it waits for the other's results, in vain
    left = len(harness.predictions(tmp_path / 'run'))
    assert left >= IMAGES / 2
    for ranks in (1, 2, 3):
        work_dir = tmp_path / f'on_with_{ranks}'
        shutil.copytree(tmp_path / 'run', work_dir)
        assert job.finish(work_dir, ranks, **RESUME) == [0] * ranks, harness.said(work_dir)[-2000:]
        assert_same_results(work_dir, undisturbed)
        assert len(harness.begun(work_dir)) - len(harness.begun(tmp_path / 'run')) == IMAGES - left


@pytest.mark.parametrize('number, status', [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_with_the_command_that_goes_on(job, undisturbed, tmp_path, number, status):
    process = job.start(tmp_path / 'run')
    while not (tmp_path / 'run/begun.txt').exists() or len(harness.begun(tmp_path / 'run')) < 3:
        time.sleep(0.01)
    os.kill(process.pid, number)
    process.join()
    assert process.exitcode == status
    assert 'test_cfg.resume=True' in harness.said(tmp_path / 'run').splitlines()[-1]
    left = len(harness.begun(tmp_path / 'run'))
    assert 3 <= left <= 5 and left - 1 <= len(harness.predictions(tmp_path / 'run')) <= left
    assert job.finish(tmp_path / 'run', **RESUME) == [0]
    assert_same_results(tmp_path / 'run', undisturbed)


def test_a_full_disk_stops_the_run_with_a_sentence(job, undisturbed, tmp_path):
    (tmp_path / 'run').mkdir()
    limit = (undisturbed / 'records/rank_0.jsonl').stat().st_size * 2 // 3
    assert job.finish(tmp_path / 'run', file_size=limit) == [1]
    sentence = harness.said(tmp_path / 'run').strip().splitlines()[-1]
    left = len(harness.predictions(tmp_path / 'run'))
    assert f'the {left} finished images are stored, so make room and resume.' in sentence and 3 < left < IMAGES
    assert job.finish(tmp_path / 'run', **RESUME) == [0]
    assert_same_results(tmp_path / 'run', undisturbed)
    assert len(harness.begun(tmp_path / 'run')) == IMAGES + 1
