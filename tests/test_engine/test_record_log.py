"""The log alone: bytes that rot, tear or do not fit, and two that want to write."""
import json
import os
import random
import resource
import threading
import time

import pytest

from dive_mmdet.engine.records.record_index import RecordIndex
from dive_mmdet.engine.records.record_lines import decode, encode
from dive_mmdet.engine.records.record_log import RecordLog, StoreError, holder

PARTS = {'model.width': '64', 'weights': 'a' * 64}


def found(image):
    return dict(fields=dict(scores=[image / 7, float('inf')]), metas=dict(name=f'"{image}"\n'))


@pytest.fixture
def folder(tmp_path):
    """Twenty images by two ranks."""
    logs = [RecordLog(tmp_path, PARTS, rank, 2) for rank in range(2)]
    for log in logs:
        log.begin(images=20)
    for image in range(20):
        logs[image % 2].append(dict(image=image, found=found(image)))
    for log in logs:
        log.close()
    return tmp_path


def reopened(folder, parts=PARTS, **settings):
    log = RecordLog(folder, parts, **settings)
    log.begin()
    return log


def test_a_record_is_json_and_comes_back_exactly():
    record = dict(image='a\nb', found=dict(x=[0.1, 1e-45, float('inf')], text='"image":7 ü'), again='a\nb')
    line = encode(record)
    assert line.count(b'\n') == 1 and decode(line) == record
    plain = json.loads(line)
    assert plain.pop('sum') and plain == record and record['again'] == record['image']


def test_records_of_all_ranks_are_found_by_any_number_of_ranks(folder):
    for ranks in (1, 2, 3):
        log = reopened(folder, ranks=ranks)
        assert [log.get(image)['found'] for image in range(20)] == [found(image) for image in range(20)]
        assert log.get(20) is None and not log.index.damaged and not log.index.torn
        log.close()


@pytest.mark.parametrize('fault', ['flipped', 'torn', 'overwritten', 'removed'])
def test_faults_at_fifty_random_places_cost_their_image_and_nothing_else(folder, fault):
    path, rng = folder / 'rank_0.jsonl', random.Random(fault)
    whole = path.read_bytes()
    for _ in range(50):
        place, content = rng.randrange(len(whole)), bytearray(whole)
        if fault == 'flipped':
            content[place] ^= 1 << rng.randrange(8)
        elif fault == 'torn':
            del content[place:]
        elif fault == 'overwritten':
            content[place:place + 40] = rng.randbytes(len(content[place:place + 40]))
        else:
            del content[place:place + rng.randrange(1, 100)]
        path.write_bytes(content)
        log = reopened(folder)
        right = [image for image in range(20) if log.get(image)]
        assert all(log.get(image)['found'] == found(image) for image in right)
        assert set(right) >= set(range(1, 20, 2))
        if fault != 'torn':
            assert len(right) >= 18 and (log.index.damaged or log.index.torn)
            for told in log.index.damaged:
                image = told.rpartition(' of ')[2].removeprefix('image ')
                assert image == 'an image that cannot be read' or int(image) not in right
        for image in set(range(20)) - set(right):
            log.append(dict(image=image, found=found(image)))
        log.close()
        again = RecordIndex(folder)
        assert sorted(again.finished) == list(range(20)) and not again.torn and not (fault == 'torn' and again.damaged)
        assert all(place.read()['found'] == found(image) for image, place in again.finished.items())
        path.write_bytes(whole)


def test_a_record_that_rots_while_the_run_goes_on_is_not_taken(folder):
    log = reopened(folder)
    path = log.index.finished[3].path
    content = bytearray(path.read_bytes())
    content[log.index.finished[3].offset + 50] ^= 1
    path.write_bytes(content)
    assert log.get(3) is None and log.get(5)['found'] == found(5)
    log.close()


def test_the_latest_of_an_image_counts(tmp_path):
    """Whichever rank wrote it, and a result is still found by its content."""
    sessions = [(1, dict(found=found(1))), (0, dict(failure='x')), (2, dict(found=found(2))), (1, dict(failure='y'))]
    for rank, record in sessions:
        log = reopened(tmp_path, rank=rank, ranks=3)
        log.append(dict(image=1, content=str(rank), **record))
        log.close()
        index = RecordIndex(tmp_path)
        latest = (index.finished or index.failed)[1].read()
        assert record.items() <= latest.items() and len(index.finished) + len(index.failed) == 1
    assert index.find(1, '2').read()['found'] == found(2)


def test_what_changed_is_listed(folder):
    what = 'model.width: 64 -> 32; weights: a{20}... -> nothing; depth: nothing -> 3'
    with pytest.raises(StoreError, match=rf'holds 20 images that were made with something else \({what}\): give anoth'):
        RecordLog(folder, {'model.width': '32', 'depth': '3'})


def test_a_second_process_is_refused_and_the_lock_ends_with_the_first(folder):
    reading, writing = os.pipe()
    first = os.fork()
    if not first:
        log = RecordLog(folder, PARTS, rank=1, ranks=2)  # as a rank that outlived its run
        os.write(writing, b'x')
        os.read(os.pipe()[0], 1)
        log.close()
    os.read(reading, 1)
    for settings in (dict(rank=1, ranks=2), dict(rank=0, ranks=1)):
        with pytest.raises(StoreError, match=f'is being written by process {first} on .*: wait for it, end it, or'):
            RecordLog(folder, PARTS, **settings)
    assert holder(folder / 'rank_1.lock') == first and holder(folder / 'rank_0.lock') is None
    os.kill(first, 9)
    os.waitpid(first, 0)
    assert holder(folder / 'rank_1.lock') is None
    reopened(folder).close()


def test_what_does_not_fit_leaves_what_is_there(folder):
    log, before = reopened(folder), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.path.stat().st_size + 500, before[1]))
    try:
        with pytest.raises(StoreError, match=r'cannot be written \(File too large\): the 2\d finished images are st'):
            for image in range(20, 40):
                log.append(dict(image=image, found=found(image)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    log.close()
    index = RecordIndex(folder)
    assert 20 < len(index.finished) < 30 and not index.torn and not index.damaged


@pytest.fixture
def synced(monkeypatch):
    """Sizes of files as fsync found them."""
    sizes, fsync = [], os.fsync
    monkeypatch.setattr(os, 'fsync', lambda file: (fsync(file), sizes.append(os.fstat(file).st_size)))
    return sizes


def test_a_record_reaches_the_disk_in_time_though_no_other_follows(tmp_path, synced):
    log = reopened(tmp_path, sync_seconds=1)
    log.append(dict(image=1, found=found(1)))
    log.append(dict(image=2, found=found(2)))
    assert synced == []
    until = time.monotonic() + 10
    while not synced and time.monotonic() < until:
        time.sleep(0.01)
    assert synced == [log.path.stat().st_size]  # one for all of them
    log.close()


def test_without_waiting_every_record_is_synced_before_the_next(tmp_path, synced):
    log = reopened(tmp_path, sync_seconds=0)
    for image in range(3):
        log.append(dict(image=image, found=found(image)))
        assert synced[-1] == log.path.stat().st_size
    assert len(synced) == 4  # that a run began, and its images
    log.close()


def test_what_did_not_reach_the_disk_is_told_with_the_next_image(tmp_path, monkeypatch):
    log, asked = reopened(tmp_path, sync_seconds=0.01), threading.Event()

    def refused(file):
        asked.set()
        raise OSError(5, 'Input/output error')
    with monkeypatch.context() as patched:
        patched.setattr(os, 'fsync', refused)
        log.append(dict(image=1, found=found(1)))
        assert asked.wait(10)
        time.sleep(0.1)  # for the thread to note the error
    with pytest.raises(StoreError, match=r'cannot be written \(Input/output error\)'):
        log.append(dict(image=2, found=found(2)))
    with pytest.raises(StoreError, match=r'cannot be written \(Input/output error\)'):
        log.close()
    assert holder(tmp_path / 'rank_0.lock') is None
    log = reopened(tmp_path)
    assert log.get(1)['found'] == found(1) and log.get(2) is None
    log.close()


@pytest.mark.parametrize('seconds', [-1, float('inf'), float('nan'), '5'])
def test_sync_seconds_are_checked(tmp_path, seconds):
    with pytest.raises(ValueError, match=f'^sync_seconds is {seconds!r}: give seconds, 0 or more.$'):
        RecordLog(tmp_path, PARTS, sync_seconds=seconds)
