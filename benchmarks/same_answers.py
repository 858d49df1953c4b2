"""Do two runs of a search find the same? Tokens, boxes, evaluations and energies of two work dirs, image by image.

    python demo/detect.py --batch-size 1 --out work_dirs/demo_1
    python demo/detect.py --batch-size 8 --out work_dirs/demo_8
    python benchmarks/same_answers.py work_dirs/demo_1/dive work_dirs/demo_8/dive

Exit status 1 where fewer than 99 % of the images have the same tokens, or energies differ by more than 1e-5.
"""
import argparse
import sys
from pathlib import Path

from dive_mmdet.engine.records.record import Record
from dive_mmdet.engine.run_state import RunState


def searched(work_dir: Path) -> dict[tuple, Record]:
    """What was found, by image and its content."""
    return {(record.image, record.content): record for record in RunState(work_dir).records.values()
            if record.inversion}


def objects(record: Record) -> list[tuple]:
    """Boxes in pixels and labels, of the next best classes, too, in an order that no score decides."""
    return sorted((*box, label) for box, _, label in record.detections)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folders', type=Path, nargs=2)
    one, other = (searched(folder) for folder in parser.parse_args().folders)
    pairs = [(one[image], other[image]) for image in one.keys() & other.keys()]
    if not pairs:
        sys.exit('The two folders have no inversion of an image in common.')
    same, boxes, evaluations = (100 * sum(what(a) == what(b) for a, b in pairs) / len(pairs) for what in (
        lambda record: record.inversion['ids'], objects, lambda record: record.nfe))
    difference = max(abs(a.inversion['energy'] - b.inversion['energy']) for a, b in pairs)
    print(f'{len(pairs)} images, the same tokens in {same:.1f} %, the same boxes and labels in {boxes:.1f} %, as many '
          f'evaluations in {evaluations:.1f} %, energies at most {difference:.1e} apart')
    sys.exit(int(same < 99 or difference > 1e-5))


if __name__ == '__main__':
    main()
