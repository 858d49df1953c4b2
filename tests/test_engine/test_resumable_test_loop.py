"""Faults against real runs of the framework's Runner: what was finished is kept, and results are those without faults.
"""
import json
import os
import random
import re
import shutil
import signal
from collections import Counter

import fault_harness as harness
import pytest
from mmengine.config import Config
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from dive_mmdet.engine.records.record_lines import encode
from dive_mmdet.engine.run import run_test

RESUME = {'test_cfg.resume': True}
IMAGES = 12
INVERTER = dict(type='dive_mmdet.GradientInverter', loops=1, pairs_per_step=1, seed=1)


@pytest.fixture(scope='module')
def job(tiny_detector):
    """Twelve images, read from the four files that there are, and boxes near half of those that are found in them."""
    config = Config.fromfile(tiny_detector / 'config.py')
    config.model.inverter = INVERTER
    config.dump(str(tiny_detector / 'gradient.py'))
    records = run_test(config, tiny_detector / 'weights.pth', tiny_detector / 'gradient', print).records
    truth = json.loads((tiny_detector / 'truth.json').read_text())
    truth['images'] = [dict(item, id=item['id'] + 4 * turn) for turn in range(IMAGES // 4) for item in truth['images']]
    there = [(image['id'], label, [x0, y0, (x1 - x0) * (1 - image['id'] / 24), y1 - y0]) for image in truth['images']
             for (x0, y0, x1, y1), _, label in records[image['id'] % 4].detections[::2]]
    truth['annotations'] = [dict(id=index, image_id=image, category_id=label, bbox=box, area=box[2] * box[3], iscrowd=0)
                            for index, (image, label, box) in enumerate(there, start=1)]
    (tiny_detector / 'twelve.json').write_text(json.dumps(truth))
    return harness.Job(tiny_detector / 'gradient.py', tiny_detector / 'weights.pth', {
        'test_dataloader.dataset.ann_file': 'twelve.json',
        'test_evaluator.ann_file': str(tiny_detector / 'twelve.json')})


@pytest.fixture(scope='module')
def undisturbed(job, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('undisturbed') / 'run'
    assert job.finish(work_dir) == [0], harness.said(work_dir)[-2000:]
    assert len(harness.predictions(work_dir)) == len(harness.begun(work_dir)) == IMAGES
    assert 0.1 < harness.metrics(work_dir)['coco/bbox_mAP'] < 0.9
    return work_dir


def assert_same_results(work_dir, other):
    assert harness.predictions(work_dir) == harness.predictions(other)
    assert harness.metrics(work_dir) == harness.metrics(other)


def assert_close_results(work_dir, other):
    found, expected = harness.predictions(work_dir), harness.predictions(other)
    assert set(found) == set(expected)
    for image, one in expected.items():
        assert found[image]['metas']['inversion']['ids'] == one['metas']['inversion']['ids']
        energies = (each['metas']['inversion']['energy'] for each in (one, found[image]))
        assert next(energies) == pytest.approx(next(energies), rel=1e-5)


def average_precision(annotations, found):
    """COCO's own, of boxes by image in pixels; images without any count."""
    coco = COCO(str(annotations))
    judge = COCOeval(coco, coco.loadRes([
        dict(image_id=image, category_id=label, score=score, bbox=[x0, y0, x1 - x0, y1 - y0])
        for image, one in found.items() for (x0, y0, x1, y1), score, label in zip(*(
            one['fields']['pred_instances']['instances'][name]['tensor'] for name in ('bboxes', 'scores', 'labels')))]),
        'bbox')
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    return judge.stats[0]


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
    harness.wait_until_begun(tmp_path / 'run', 4, both[0])
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


def test_results_do_not_depend_on_the_order_of_images(job, undisturbed, tmp_path):
    assert job.finish(tmp_path / 'run', **{'test_dataloader.sampler.shuffle': True}) == [0]
    assert harness.begun(tmp_path / 'run') != harness.begun(undisturbed)
    assert_same_results(tmp_path / 'run', undisturbed)


@pytest.mark.parametrize('batch_size, ranks', [(5, 1), (2, 2)])
def test_results_do_not_depend_on_what_is_computed_together(job, undisturbed, tmp_path, batch_size, ranks):
    """To tolerance: another shape of a batch is another order of sums."""
    assert job.finish(tmp_path / 'run', ranks, **{'test_dataloader.batch_size': batch_size}) == [0] * ranks
    assert_close_results(tmp_path / 'run', undisturbed)
    assert harness.metrics(tmp_path / 'run') == pytest.approx(harness.metrics(undisturbed), abs=1e-3)


@pytest.mark.parametrize('number, status', [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_with_the_command_that_goes_on(job, undisturbed, tmp_path, number, status):
    process = job.start(tmp_path / 'run')
    harness.wait_until_begun(tmp_path / 'run', 3, process)
    os.kill(process.pid, number)
    process.join()
    assert process.exitcode == status
    assert 'test_cfg.resume=True' in harness.said(tmp_path / 'run').splitlines()[-1]
    left = len(harness.begun(tmp_path / 'run'))
    assert 3 <= left <= 5 and left - 1 <= len(harness.predictions(tmp_path / 'run')) <= left
    assert job.finish(tmp_path / 'run', **RESUME) == [0]
    assert_same_results(tmp_path / 'run', undisturbed)


def test_a_full_disk_stops_the_run_with_a_sentence(job, undisturbed, tmp_path):
    store = tmp_path / 'run/records/rank_0.jsonl'
    store.parent.mkdir(parents=True)
    # The store is to be the first file that grows too large, and the log of the run grows faster.
    store.write_bytes(encode(dict(key='', session=dict(time=0, parts={}, padding='x' * 200_000))))
    room = (undisturbed / 'records/rank_0.jsonl').stat().st_size * 2 // 3
    assert job.finish(tmp_path / 'run', file_size=store.stat().st_size + room) == [1]
    sentence = harness.said(tmp_path / 'run').strip().splitlines()[-1]
    left = len(harness.predictions(tmp_path / 'run'))
    assert f'the {left} finished images are stored, so make room and resume.' in sentence and 3 < left < IMAGES
    assert job.finish(tmp_path / 'run', **RESUME) == [0]
    assert_same_results(tmp_path / 'run', undisturbed)
    assert len(harness.begun(tmp_path / 'run')) == IMAGES + 1


def test_a_corrupt_image_is_recorded_and_the_others_are_as_without_it(job, undisturbed, tiny_detector, tmp_path):
    images = tmp_path / 'images'
    shutil.copytree(tiny_detector / 'images', images)
    (images / '1.png').write_bytes((images / '1.png').read_bytes()[:60])
    options = {'test_dataloader.dataset.data_prefix.img': str(images), 'test_dataloader.batch_size': 2}
    assert job.finish(tmp_path / 'run', **options) == [3]
    said = harness.said(tmp_path / 'run')
    assert '3 of 12 images failed and count as images without detections' in said
    for image in (1, 5, 9):
        assert f'image {image}: Image {images / "1.png"} cannot be read: replace the file' in said
    expected = harness.predictions(undisturbed)
    found = harness.predictions(tmp_path / 'run')
    assert set(expected) - set(found) == {1, 5, 9}
    told = float(re.findall(r'coco/bbox_mAP: (\S+)', said)[-1])
    assert told == pytest.approx(average_precision(tiny_detector / 'twelve.json', found), abs=6e-4)
    assert told < 0.9 * harness.metrics(undisturbed)['coco/bbox_mAP']
    # Mended, those alone are computed; they were in batches of two with others.
    shutil.copy(tiny_detector / 'images/1.png', images)
    assert job.finish(tmp_path / 'run', **options, **RESUME) == [0]
    assert Counter(harness.begun(tmp_path / 'run')).most_common(1)[0][1] == 1
    assert_close_results(tmp_path / 'run', undisturbed)


def test_what_cannot_be_resumed_is_refused_by_name(job, undisturbed, tmp_path):
    work_dir = tmp_path / 'run'
    shutil.copytree(undisturbed, work_dir)
    before = (work_dir / 'records/rank_0.jsonl').read_bytes()
    assert job.finish(work_dir) == [1]
    assert 'holds 12 finished images: go on with' in harness.said(work_dir).splitlines()[-1]
    assert job.finish(work_dir, **RESUME, **{'model.objective.num_pairs': 4}) == [1]
    sentence = harness.said(work_dir).splitlines()[-1]
    assert 'made with something else (model.objective.num_pairs: 2 -> 4' in sentence
    assert sentence.endswith('give another --work-dir, or undo the change.')
    assert (work_dir / 'records/rank_0.jsonl').read_bytes() == before
    # What does not decide a result may change.
    assert job.finish(work_dir, **RESUME, **{'test_dataloader.batch_size': 5}) == [0]
    assert_same_results(work_dir, undisturbed)
    assert len(harness.begun(work_dir)) == IMAGES
