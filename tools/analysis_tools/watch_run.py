"""How far a test is, whether it still runs or was killed, from the files in its work dir alone.

    python tools/analysis_tools/watch_run.py WORK_DIR [--every SECONDS]

Nothing there is locked or changed. Metrics are those of the images so far; failed ones count, as they do at the end.
"""
import argparse
import sys
import time
from datetime import timedelta
from pathlib import Path

from dive_mmdet.engine.run_state import RunState


def report(state: RunState) -> str:
    """A few lines."""
    done, session = len(state.records) + len(state.failures), state.session
    alive = {True: 'running', False: 'dead', None: 'on another machine'}[state.alive]
    if done >= state.images and not state.alive:
        alive = 'finished'
    rest, speed = state.images - done, state.seconds_per_image
    eta = timedelta(seconds=round(speed * rest)) if speed == speed else 'unknown'
    nfe = sum(record.nfe for record in state.latest) / max(1, len(state.latest))
    lines = [f'{done}/{state.images} images, {alive} (process {session["process"]} on {session["host"]}, '
             f'{session["ranks"]} rank{"s" * (session["ranks"] > 1)}), last sign {state.silent_for:.0f} s ago',
             f'{speed:.2f} s and {nfe:.0f} evaluations an image, eta {eta}']
    metrics = state.metrics() if state.records else {}
    if metrics:
        whole = 'all images' if done == state.images else f'PARTIAL, {done} images'
        lines.append(f'{", ".join(f"{name} {value:.3f}" for name, value in metrics.items())} ({whole})')
    lines += [f'failed: image {image}: {reason}' for image, reason in state.failures.items()]
    lines += [f'damaged: {where}' for where in state.index.damaged]
    if rest and not state.alive:
        lines.append(f'to go on: {session["command"]}')
    return '\n'.join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('work_dir', type=Path)
    parser.add_argument('--every', type=float, default=None, metavar='SECONDS', help='again and again')
    args = parser.parse_args()
    while True:
        try:
            print(report(RunState(args.work_dir)), flush=True)
        except FileNotFoundError as error:
            sys.exit(str(error))
        if args.every is None:
            break
        time.sleep(args.every)


if __name__ == '__main__':
    main()
