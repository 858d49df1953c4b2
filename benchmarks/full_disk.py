"""Run the main job into full disks (file systems in memory), make room, and compare with a run that had it.

    python benchmarks/full_disk.py [--ann-file val_32.json] [--parts 0.5 0.7 0.9] [--work-dir work_dirs/full_disk]

Needs the right to mount. Settings and data as in `kill_runs.py`; `--parts` are their sizes, of what a run writes. Ends
with status 1 where anything was lost or a run did not end with one sentence.
"""
import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import fault_harness as harness
from kill_runs import ROOT, job


def test(run: harness.Job, work_dir: Path, *options: str) -> subprocess.CompletedProcess:
    """Our test tool, whose output stays out of the work dir."""
    options = [*(f'{key}={value}'.replace(' ', '') for key, value in run.options.items()),
               'test_dataloader.batch_size=1', *options]
    return subprocess.run([sys.executable, ROOT / 'tools/test.py', run.config, run.checkpoint, '--work-dir', work_dir,
                           '--cfg-options', *options], capture_output=True, text=True)


def resize(disk: Path, kilobytes: int, *options: str) -> None:
    """A file system of this size there; with the option `remount` the one that is there."""
    subprocess.run(['mount', '-t', 'tmpfs', '-o', ','.join([*options, f'size={kilobytes}k']), 'tmpfs', disk],
                   check=True)


def occupied(folder: Path) -> int:
    """Kilobytes of the blocks of 4 kB that its files take, in memory."""
    return sum(-(-path.stat().st_size // 4096) * 4 for path in folder.rglob('*') if path.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--ann-file', default='val_32.json', help='of data/digit_scenes')
    parser.add_argument('--parts', type=float, nargs='+', default=[0.5, 0.7, 0.9])
    parser.add_argument('--work-dir', type=Path, default=ROOT / 'work_dirs/full_disk')
    args = parser.parse_args()
    shutil.rmtree(args.work_dir, ignore_errors=True)
    whole, disk, run = args.work_dir / 'whole', args.work_dir / 'disk', job(args.ann_file)
    if test(run, whole).returncode:
        sys.exit('The run with room failed.')
    disk.mkdir()
    expected, size, good = harness.predictions(whole), occupied(whole), True
    for part in args.parts:
        resize(disk, int(part * size))
        try:
            stopped = test(run, disk / 'run')
            left, sentence = len(harness.predictions(disk / 'run')), stopped.stderr.strip().splitlines()[-1]
            resize(disk, 10 * size, 'remount')
            resumed = test(run, disk / 'run', 'test_cfg.resume=True')
            found = harness.predictions(disk / 'run')
        finally:
            subprocess.run(['umount', disk], check=True)
        losses = sum(found.get(image) != one for image, one in expected.items())
        print(f'{int(part * size)} kB: exit status {stopped.returncode} with {left} of {len(expected)} images stored: '
              f'{sentence}\n    resumed: exit status {resumed.returncode}, {losses} lost or different', flush=True)
        good &= (stopped.returncode, resumed.returncode, losses) == (1, 0, 0) and 'room' in sentence
        good &= 'Traceback' not in stopped.stderr
    sys.exit(not good)


if __name__ == '__main__':
    main()
