"""How threads should wait for each other: evaluations a second by setting, alone and beside one busy process.

    python benchmarks/threads.py [--seconds 8] [--repeats 3]

Each cell is a process of its own, since OpenMP reads its settings when torch loads: the digit generator on one batch of
a search (128 evaluations) and on a small one (8), for a number of seconds each. The busy process keeps one core. The
table has the medians over repeats as ratios to the default setting alone: leave the machine to it and quote those.
"""
import argparse
import os
import subprocess
import sys
from contextlib import contextmanager
from statistics import median

BATCHES = (128, 8)
SETTINGS = {
    'default': {},
    'OMP_NUM_THREADS=1': dict(OMP_NUM_THREADS='1'),
    'OMP_WAIT_POLICY=passive': dict(OMP_WAIT_POLICY='passive'),
    'GOMP_SPINCOUNT=1000': dict(GOMP_SPINCOUNT='1000'),
    'GOMP_SPINCOUNT=10000': dict(GOMP_SPINCOUNT='10000'),
    'KMP_BLOCKTIME=0': dict(KMP_BLOCKTIME='0'),
}
READ_BY_OPENMP = {name for setting in SETTINGS.values() for name in setting}


def measure(seconds: float) -> None:
    """In a process of its own: prints the evaluations a second of each batch."""
    import torch
    from evaluations_per_second import digit_scenes, rate, shipped_detector
    model = shipped_detector()
    for batch in BATCHES:
        latents = model.backbone.encode(digit_scenes(batch) / 127.5 - 1)
        rows = model.backbone.embed(model.backbone.vocabulary.empty().repeat(batch, 1))
        pairs = torch.zeros(batch, dtype=torch.long)
        with torch.no_grad():
            print(rate(lambda: model.likelihood.pair_errors(latents, rows, pairs), batch, seconds))  # noqa: B023


@contextmanager
def busy_process(wanted: bool):
    """One other process that never waits."""
    process = subprocess.Popen([sys.executable, '-c', 'while True: pass']) if wanted else None
    try:
        yield
    finally:
        if process:
            process.kill()
            process.wait()


def rates(setting: dict[str, str], busy: bool, seconds: float) -> list[float]:
    """Evaluations a second of each batch under a setting."""
    environment = {name: value for name, value in os.environ.items() if name not in READ_BY_OPENMP} | setting
    with busy_process(busy):
        done = subprocess.run([sys.executable, __file__, '--measure', '--seconds', str(seconds)], env=environment,
                              check=True, capture_output=True, text=True)
    return [float(line) for line in done.stdout.split()[-len(BATCHES):]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seconds', type=float, default=8.0, help='that each batch is evaluated')
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--measure', action='store_true', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        return measure(args.seconds)
    columns = [(busy, batch) for busy in (False, True) for batch in BATCHES]
    found = {name: [] for name in SETTINGS}
    for turn in range(args.repeats):
        for name, setting in SETTINGS.items():
            found[name].append(rates(setting, False, args.seconds) + rates(setting, True, args.seconds))
            print(f'{turn + 1}/{args.repeats} {name}: {[round(each) for each in found[name][-1]]}', file=sys.stderr)
    medians = {name: [median(column) for column in zip(*turns)] for name, turns in found.items()}
    titles = [f'{"beside one busy process" if busy else "alone"}, batch {batch}' for busy, batch in columns]
    print(f'| setting | {" | ".join(titles)} |\n|---|{"---|" * len(titles)}')
    for name, values in medians.items():
        print(f'| {name} | {" | ".join(f"{a / b:.2f}" for a, b in zip(values, 2 * medians["default"][:2]))} |')


if __name__ == '__main__':
    main()
