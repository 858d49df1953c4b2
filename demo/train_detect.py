"""Train everything that the demo ships, from nothing: generator (in two trainings), prior, calibration, baseline.

    python demo/train_detect.py [--out weights]

Each step is the command that a user would type and is skipped when its result is there; an interrupted training goes
on from its last checkpoint.
"""
import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GENERATOR = 'configs/generator/layout_patch-transformer_digit-scenes.py'
REFINEMENT = 'configs/generator/layout_patch-transformer_digit-scenes_refine.py'
PRIOR = 'configs/prior/layout-prior_digit-scenes.py'
DIVE = 'configs/dive/dive_digit-scenes.py'
BASELINE = 'configs/faster_rcnn/faster-rcnn_r18_digit-scenes.py'


def run(*command) -> None:
    """Run one of the project's tools and stop with it."""
    print('$ python', *command, flush=True)
    status = subprocess.run([sys.executable, *map(str, command)]).returncode
    if status:
        sys.exit(f'`python {" ".join(map(str, command))}` ended with status {status}: mend what it says and run '
                 'the same command again.')


def train(config: str, work_dir: Path, *options) -> Path:
    """Train to the end; returns the last checkpoint."""
    last, done = work_dir / 'last_checkpoint', work_dir / 'finished'
    if not done.is_file():
        resume = ['--resume'] if last.is_file() else []
        options = ['--cfg-options', *options] if options else []
        run('tools/train.py', config, '--work-dir', work_dir, *resume, *options)
        done.touch()
    return Path(last.read_text().strip())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', type=Path, default=Path('weights'))
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/train_demo'))
    args = parser.parse_args()
    os.chdir(ROOT)
    run('tools/dataset_converters/make_digit_scenes.py')
    generator = args.work_dir / 'generator.pth'
    coarse = args.work_dir / 'generator_coarse.pth'
    run('tools/misc/publish_weights.py', train(GENERATOR, args.work_dir / 'generator_coarse'), coarse)
    refined = train(REFINEMENT, args.work_dir / 'generator', f'load_from={coarse}')
    run('tools/misc/publish_weights.py', refined, generator)
    prior = train(PRIOR, args.work_dir / 'prior', f'model.generator={generator}')
    dive = args.out / 'dive_digit_scenes.pth'
    run('tools/misc/assemble.py', DIVE, dive, '--generator', generator, '--prior', prior, '--half')
    run('tools/misc/calibrate.py', DIVE, dive, '--ann-file', 'calib_64.json', '--img-prefix', 'calib/',
        '--work-dir', args.work_dir / 'calibrate')
    baseline = train(BASELINE, args.work_dir / 'faster_rcnn')
    run('tools/misc/publish_weights.py', baseline, args.out / 'faster_rcnn_digit_scenes.pth', '--half')


if __name__ == '__main__':
    main()
