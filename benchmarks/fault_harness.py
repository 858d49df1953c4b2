"""Runs of the framework's test in processes that can be killed, and what they leave behind."""
import json
import os
import random
import resource
import signal
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

# One server imports everything once; each run is forked from it.
PROCESSES = get_context('forkserver')
PROCESSES.set_forkserver_preload(['mmdet.apis', 'mmpretrain.apis', 'dive_mmdet.engine', 'dive_mmdet.detectors',
                                  'dive_mmdet.classifiers', 'dive_mmdet.hooks', 'dive_mmdet.metrics'])


@dataclass(frozen=True)
class Job:
    """A test: config, checkpoint, and options of the command line."""
    config: Path
    checkpoint: Path
    options: dict

    def start(self, work_dir: Path, rank: int = 0, ranks: int = 1, meeting: Path | None = None,
              file_size: int = resource.RLIM_INFINITY, **options):
        """A process that runs the test in a work dir.

        Several ranks find each other in the file `meeting`; no file may grow beyond `file_size` bytes.
        """
        options = {'test_dataloader.batch_size': 1, **self.options, **options}
        process = PROCESSES.Process(target=_run, args=(self, work_dir, options, rank, ranks, meeting, file_size))
        process.start()
        return process

    def finish(self, work_dir: Path, ranks: int = 1, **options) -> list[int]:
        """Run to the end; returns the exit status of each rank."""
        meeting = work_dir.parent / f'{work_dir.name}_{time.monotonic_ns()}'
        processes = [self.start(work_dir, rank, ranks, meeting, **options) for rank in range(ranks)]
        for process in processes:
            process.join()
        return [process.exitcode for process in processes]


def _run(job: Job, work_dir: Path, options: dict, rank: int, ranks: int, meeting: Path | None,
         file_size: int) -> None:
    import torch
    from mmengine.config import Config
    from mmengine.runner import Runner

    from dive_mmdet.compat import leave_process_group
    from dive_mmdet.engine.image_inference import ImageInference
    work_dir.mkdir(parents=True, exist_ok=True)
    output = os.open(work_dir / f'output_{rank}.txt', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, resource.RLIM_INFINITY))
    if ranks > 1:
        torch.distributed.init_process_group('gloo', f'file://{meeting}', rank=rank, world_size=ranks)
    predict = ImageInference._predict

    def noted(self, items, fp16):
        with (work_dir / 'begun.txt').open('a') as file:
            file.writelines(f'{item.image}\n' for item in items)
        return predict(self, items, fp16)
    ImageInference._predict = noted
    config = Config.fromfile(job.config)
    config.merge_from_dict(options)
    config.work_dir, config.load_from = str(work_dir), str(job.checkpoint)
    if ranks > 1:  # as under `tools/dist_test.sh`, where the Runner wraps the model
        os.environ['LOCAL_RANK'] = str(rank)
        config.launcher, config.model_wrapper_cfg = 'pytorch', dict(type='MMSeparateDistributedDataParallel')
    metrics = Runner.from_cfg(config).test()
    if rank == 0:
        (work_dir / 'metrics.json').write_text(json.dumps(metrics))
    leave_process_group()


def records(work_dir: Path) -> list[dict]:
    """What is stored, a record an image that was finished."""
    from dive_mmdet.engine.records.record_index import RecordIndex
    return [place.read() for place in RecordIndex(work_dir / 'records').finished.values()]


def predictions(work_dir: Path) -> dict:
    """What was found in every finished image."""
    return {record['image']: record['found'] for record in records(work_dir)}


def begun(work_dir: Path) -> list[str]:
    """The images whose inversion was begun, in the order of time."""
    return (work_dir / 'begun.txt').read_text().split()


def wait_until_begun(work_dir: Path, count: int, process) -> None:
    """Until so many images were begun.

    Raises:
        RuntimeError: the process ended before.
    """
    while not (work_dir / 'begun.txt').exists() or len(begun(work_dir)) < count:
        if not process.is_alive():
            raise RuntimeError(f'Ended with {process.exitcode} before image {count}: {said(work_dir)[-2000:]}')
        time.sleep(0.002)


def said(work_dir: Path, rank: int = 0) -> str:
    """What a rank wrote to its terminal."""
    return (work_dir / f'output_{rank}.txt').read_text()


def metrics(work_dir: Path) -> dict:
    """What the framework's evaluator said."""
    return json.loads((work_dir / 'metrics.json').read_text())


def kill_again_and_again(job: Job, work_dir: Path, kills: int, seconds: float, rng: random.Random) -> int:
    """SIGKILL a run and resume it; each time within `seconds` after its first image began, sometimes before.

    Returns:
        kills that hit a running process, fewer than asked for where the images were finished before.
    """
    for done in range(kills):
        before = len(begun(work_dir)) if (work_dir / 'begun.txt').exists() else 0
        process = job.start(work_dir, **{'test_cfg.resume': True})
        if rng.random() < 0.8:
            while process.is_alive() and (not (work_dir / 'begun.txt').exists() or len(begun(work_dir)) == before):
                time.sleep(0.01)
        time.sleep(rng.uniform(0, seconds))
        if not process.is_alive():
            return done
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    return kills
