"""Do two runs of a search find the same? Tokens and energies of two work dirs, image by image.

    python demo/detect.py --batch-size 1 --out work_dirs/demo_1
    python demo/detect.py --batch-size 8 --out work_dirs/demo_8
    python benchmarks/same_answers.py work_dirs/demo_1/dive work_dirs/demo_8/dive

Exit status 1 where fewer than 99 % of the images have the same tokens, or energies differ by more than 1e-5.
"""
import argparse
import sys
from pathlib import Path

from dive_mmdet.engine.run_state import RunState


def inversions(work_dir: Path) -> dict[tuple, dict]:
    """What was found, by image and its content."""
    return {(record.image, record.content): record.inversion for record in RunState(work_dir).records.values()
            if record.inversion}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folders', type=Path, nargs=2)
    one, other = (inversions(folder) for folder in parser.parse_args().folders)
    images = one.keys() & other.keys()
    if not images:
        sys.exit('The two folders have no inversion of an image in common.')
    same = sum(one[image]['ids'] == other[image]['ids'] for image in images)
    difference = max(abs(one[image]['energy'] - other[image]['energy']) for image in images)
    print(f'{len(images)} images, the same tokens in {100 * same / len(images):.1f} %, energies at most '
          f'{difference:.1e} apart')
    sys.exit(int(same < 0.99 * len(images) or difference > 1e-5))


if __name__ == '__main__':
    main()
