"""SIGKILL a run of the main job again and again, at random moments, and compare the end with an undisturbed run.

    python benchmarks/kill_runs.py [--kills 50] [--ann-file val_100.json] [--work-dir work_dirs/kills] [--seed 0]

The config and weights of the main job with tiny settings of its inverter, one image at a time, data from
`python tools/dataset_converters/make_digit_scenes.py`. Ends with status 1 where anything was lost.
"""
import argparse
import random
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

import fault_harness as harness

ROOT = Path(__file__).resolve().parent.parent
TINY = {'pairs': 1, 'anchors.scales': [0.4], 'anchors.ratios': [0.6], 'anchors.overlap': 0.0, 'add.candidates': 2,
        'add.rungs': [1], 'boxes.pairs': 1, 'boxes.rounds': 1, 'boxes.scan': 0, 'classes.rungs': [1], 'classes.beam': 0,
        'rearrange.rounds': 0, 'rescore.rungs': [1], 'rescore.rounds': 1, 'rescore.class_pairs': 1}


def job(ann_file: str) -> harness.Job:
    """The main job on some scenes, a fraction of a second each on a free core."""
    options = {'test_dataloader.dataset.ann_file': ann_file,
               'test_dataloader.dataset.data_root': f'{ROOT}/data/digit_scenes/',
               'test_evaluator.ann_file': f'{ROOT}/data/digit_scenes/{ann_file}'}
    options |= {'model.objective.num_pairs': 2, **{f'model.inverter.{name}': value for name, value in TINY.items()}}
    return harness.Job(ROOT / 'configs/dive/dive_digit-scenes.py', ROOT / 'weights/dive_digit_scenes.pth',
                       options)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--kills', type=int, default=50)
    parser.add_argument('--ann-file', default='val_100.json', help='of data/digit_scenes')
    parser.add_argument('--work-dir', type=Path, default=ROOT / 'work_dirs/kills')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    shutil.rmtree(args.work_dir, ignore_errors=True)
    whole, killed, run = args.work_dir / 'undisturbed', args.work_dir / 'killed', job(args.ann_file)
    start = time.monotonic()
    if run.finish(whole) != [0]:
        sys.exit(f'The undisturbed run failed: see {whole}/output_0.txt.')
    count = len(harness.predictions(whole))
    print(f'undisturbed: {count} images, {time.monotonic() - start:.0f} s, {harness.metrics(whole)}', flush=True)
    # Each time so long that the images last for all kills.
    seconds = 1.5 * sum(record['seconds'] for record in harness.records(whole)) / args.kills
    kills = harness.kill_again_and_again(run, killed, args.kills, seconds, random.Random(args.seed))
    statuses = run.finish(killed, **{'test_cfg.resume': True})
    often = Counter(harness.begun(killed))
    losses = sum(harness.predictions(killed).get(image) != found for image, found in harness.predictions(whole).items())
    print(f'{kills} kills, exit status {statuses[0]} at the end: {losses} of {count} predictions lost or different, '
          f'{sum(often.values()) - count} computed again (at most {kills} allowed), '
          f'metric {"identical" if harness.metrics(killed) == harness.metrics(whole) else "DIFFERENT"}')
    sys.exit(losses > 0 or sum(often.values()) - count > kills or statuses != [0] or kills < args.kills
             or harness.metrics(killed) != harness.metrics(whole))


if __name__ == '__main__':
    main()
