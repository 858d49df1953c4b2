"""What a run says of itself while it runs, and what its files say."""
import io
import json
import os
import random
import runpy
import shlex
import signal
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import pytest

from dive_mmdet.engine.interruption import ends_on_signals, resume_command, with_resume
from dive_mmdet.engine.progress import Progress
from dive_mmdet.engine.records.record import Record
from dive_mmdet.engine.records.record_log import RecordLog
from dive_mmdet.engine.scores import scores_of

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


def test_lines_come_by_time_though_no_image_is_finished():
    lines = []
    with Progress(lines.append, 10, 0.01, 'rank 0 of 1: '):
        while len(lines) < 3:
            time.sleep(0.005)
    assert lines[0] == 'rank 0 of 1: 0/10 images, 0 s so far'


def test_a_terminal_has_a_live_line(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, 'stderr', terminal)
    with Progress(lambda line: None, 10, 0.01, 'rank 0 of 1: ') as progress:
        progress.add(2, 7)
        while '1/10' not in terminal.getvalue():
            time.sleep(0.005)
    assert terminal.getvalue().startswith('\r\033[Krank 0 of 1: ') and terminal.getvalue().endswith('\n')


@pytest.mark.parametrize('seconds', [0, -1, float('nan'), float('inf'), '30'])
def test_seconds_between_lines_are_checked(seconds):
    with pytest.raises(ValueError, match=f'^log_seconds is {seconds!r}: give more than 0 seconds.$'):
        Progress(print, 10, seconds, 'rank 0 of 1: ')


def test_a_line_says_how_far_and_how_fast():
    progress = Progress(print, 10, 1.0, 'rank 0 of 2: ')
    progress.stored, progress.failed, progress.metric = 2, 1, 'AP 0.5'
    progress.add(30, 1000)
    progress.add(50, 3000)
    assert progress.line() == ('rank 0 of 2: 5/10 images, 2 from the store, 1 failed, eta 0:03:20, '
                               '40.00 s and 2000 evaluations an image, AP 0.5')
    assert progress.scalars() == dict(images=5, failures=1, seconds_per_image=40, nfe_per_image=2000)


@pytest.mark.parametrize('arguments, expected', [
    ('test.py a b', 'test.py a b --cfg-options test_cfg.resume=True'),
    ('test.py a --cfg-options x=1 --work-dir d', 'test.py a --cfg-options test_cfg.resume=True x=1 --work-dir d'),
    ('test.py a --cfg-options x=1 test_cfg.resume=True', 'test.py a --cfg-options x=1 test_cfg.resume=True'),
    ('test.py a --resume --work-dir d', 'test.py a --resume --work-dir d')])
def test_the_command_that_goes_on(arguments, expected):
    assert with_resume(arguments.split()) == expected.split()


@pytest.mark.parametrize('ran, ranks, typed', [
    ("python tools/test.py 'a b.py'", None, "python tools/test.py 'a b.py' --cfg-options test_cfg.resume=True"),
    ('x/python -u tools/test.py a --launcher pytorch', '2', 'x/python -m torch.distributed.run --nproc_per_node=2 '
     'tools/test.py a --launcher pytorch --cfg-options test_cfg.resume=True')])
def test_the_command_that_goes_on_is_the_one_that_was_typed(monkeypatch, ran, ranks, typed):
    for name, value in dict(TORCHELASTIC_RUN_ID='none', LOCAL_WORLD_SIZE='2').items():
        monkeypatch.setenv(name, value) if ranks else monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, 'orig_argv', shlex.split(ran))
    monkeypatch.setattr(sys, 'argv', ['mmdet/.mim/tools/test.py', 'a'])
    assert resume_command() == typed
    assert resume_command(by_itself=True) == typed.removesuffix(' --cfg-options test_cfg.resume=True')


def test_a_signal_ends_the_process_and_its_forked_workers_as_torch_expects():
    with ends_on_signals():
        worker = os.fork()
        if not worker:
            try:
                signal.raise_signal(signal.SIGINT)
            except BaseException as error:
                os._exit(isinstance(error, KeyboardInterrupt))
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == 1
        with pytest.raises(SystemExit, match='130'):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_worker_that_waits_for_a_lock_is_ended():
    """As a pool's is; a handler of Python's would run when it has the lock, which may be never."""
    fork = get_context('fork')
    lock = fork.Lock()
    with lock, ends_on_signals():
        worker = fork.Process(target=lock.acquire, daemon=True)
        worker.start()
        worker.terminate()
        worker.join(20)
        assert worker.exitcode == -signal.SIGTERM


def test_our_test_tool_says_resume_as_the_frameworks_takes_it(monkeypatch):
    seen = []
    monkeypatch.syspath_prepend(str(TOOLS))
    import _delegate
    monkeypatch.setattr(_delegate, 'run_framework_tool', lambda name: seen.append((name, *sys.argv[1:])))
    monkeypatch.setattr(sys, 'argv', ['tools/test.py', 'a.py', '--resume', 'b.pth'])
    runpy.run_path(str(TOOLS / 'test.py'), run_name='__main__')
    assert seen == [('test.py', 'a.py', 'b.pth', '--cfg-options', 'test_cfg.resume=True')]


def test_nothing_is_resumed_where_nothing_was_stored(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    config = str(TOOLS.parent / 'configs/faster_rcnn/faster-rcnn_r18_digit-scenes.py')
    monkeypatch.setattr(sys, 'argv', ['tools/test.py', config, 'b.pth', '--resume'])
    with pytest.raises(SystemExit, match='^The config tests by a TestLoop, which stores nothing to resume: from the '):
        runpy.run_path(str(TOOLS / 'test.py'), run_name='__main__')


def detections(boxes, scores, labels):
    return dict(found=dict(fields=dict(pred_instances=dict(instances={
        name: dict(tensor=value) for name, value in dict(bboxes=boxes, scores=scores, labels=labels).items()}))))


@pytest.fixture
def truth(tmp_path):
    """Ten images with one object each, of category 4 or 7."""
    path = tmp_path / 'truth.json'
    path.write_text(json.dumps(dict(
        images=[dict(id=index, file_name=f'{index}.png', width=64, height=64) for index in range(10)],
        annotations=[dict(id=index + 1, image_id=index, category_id=(4, 7)[index % 2], bbox=[5, 5, 20, 20], area=400,
                          iscrowd=0) for index in range(10)],
        categories=[dict(id=4, name='a'), dict(id=7, name='b')])))
    return str(path)


def test_ap_so_far_is_that_of_the_finished_images(truth):
    right = {index: Record(index, **detections([[5, 5, 25, 25]], [0.9], [index % 2])) for index in range(4)}
    assert set(scores_of(right, [], truth, ['a', 'b']).values()) == {1}
    # Of two objects a class one is found each: precision 1 up to recall 1/2, that is 51 of 101 points.
    assert scores_of({0: right[0], 1: right[1]}, [2, 3], truth, ['a', 'b'])['bbox_mAP'] == round(51 / 101, 3)
    assert set(scores_of({0: Record(0, **detections([], [], []))}, [], truth, ['a', 'b']).values()) == {0}
    assert scores_of(right, [], None, ['a', 'b']) == {}


def test_accuracy_so_far_counts_failures_as_wrong():
    scores = {0: [0.9, 0.1], 1: [0.2, 0.8]}
    records = {name: Record(name, dict(fields=dict(pred_score=dict(tensor=scores[label]))), truth=1)
               for name, label in dict(x=1, y=1, z=0).items()}
    assert scores_of(records, ['w'], None, []) == pytest.approx(dict(accuracy_top1=50, accuracy_top5=75))


def writes_until_it_is_killed(folder, truth):
    """A process with five images, and what it says when all are written."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        log = RecordLog(folder, {})
        log.begin(images=10, classes=['a', 'b'], annotations=truth, command='python test.py x')
        rng = random.Random(0)
        for index in range(4):
            log.append(dict(image=index, seconds=10 + index, nfe=100, time=time.time(),
                            **detections([[5, 5, 25, 25]], [rng.random()], [index % 2])))
        log.append(dict(image=4, failure='no such file'))
        os.write(writing, b'x')
        signal.pause()
    os.read(reading, 1)
    return process


def test_a_running_and_a_dead_run_are_watched_from_their_files(truth, tmp_path):
    import watch_run

    from dive_mmdet.engine.run_state import RunState
    process = writes_until_it_is_killed(tmp_path / 'records', truth)
    try:
        state = RunState(tmp_path)
        assert state.alive and state.seconds_per_image == 11.5
        lines = watch_run.report(state).splitlines()
        assert lines[0].startswith(f'5/10 images, running (process {process} on ')
        assert lines[0].endswith('1 rank), last sign 0 s ago')
        assert lines[1] == '11.50 s and 100 evaluations an image, eta 0:00:58'
        assert lines[2].endswith('(PARTIAL, 5 images)') and lines[3] == 'failed: image 4: no such file'
    finally:  # or it would wait for ever
        os.kill(process, signal.SIGKILL)
    # Dead before its number is free, as it would be had another process got it.
    os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
    os.kill(process, 0)
    lines = watch_run.report(state).splitlines()
    assert 'images, dead (' in lines[0] and lines[-1] == 'to go on: python test.py x'
    os.waitpid(process, 0)
    with pytest.raises(FileNotFoundError, match='holds no records: give the --work-dir'):
        RunState(tmp_path / 'nowhere')
