"""Digit scenes of an experiment: one digit is a new class, of which a few boxes are annotated."""
import hashlib
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

from .coco_files import write_part
from .digit_scenes import DIGITS, DigitSceneComposer

# Seeds that no other part of the digit scenes has.
FEW_SEED, TEST_SEED = 5, 6
SUBSETS = dict(few={'few_1': 1, 'few_5': 5}, test={'test_24': 24, 'test_48': 48}, calib={})
SIZES = dict(few=20, calib=32, test=96)


def make(out: Path, digit: str, sizes: dict[str, int] = SIZES, subsets: dict[str, dict[str, int]] = SUBSETS) -> str:
    """Write three parts below `out`; returns a checksum over all files written.

    The new class is the last category. `few` are scenes of training digits with exactly one box of it each, and `test`
    scenes of validation digits of which every other one, from the first on, has it; `calib`, of training digits, has
    none.

    Args:
        out: folder.
        digit: the new class.
        sizes: scenes of each part.
        subsets: of each part, see `write_part`.

    Raises:
        ValueError: `digit` is none.
    """
    known, digest = DigitSceneComposer(exclude=[digit]).classes, hashlib.sha256()
    classes = (*known, digit)
    place = [classes.index(each) for each in DIGITS]
    scenes = dict(
        few=_with(DigitSceneComposer('train', FEW_SEED), digit, lambda boxes: boxes == 1),
        calib=map(DigitSceneComposer('train', FEW_SEED, exclude=[digit]).compose, count()),
        test=_in_turn(_with(DigitSceneComposer('val', TEST_SEED), digit, lambda boxes: boxes > 0),
                      _with(DigitSceneComposer('val', TEST_SEED), digit, lambda boxes: boxes == 0)))
    for name, size in sizes.items():
        plain = ((image, boxes.tolist(), [label if name == 'calib' else place[label] for label in labels.tolist()])
                 for image, boxes, labels in islice(scenes[name], size))
        write_part(out, name, plain, subsets[name], classes, 0, digest)
    return digest.hexdigest()


def _with(composer: DigitSceneComposer, digit: str, wanted) -> Iterator[tuple]:
    """Scenes whose number of boxes of a digit is wanted."""
    label = composer.classes.index(digit)
    return (scene for scene in map(composer.compose, count()) if wanted(int((scene[2] == label).sum())))


def _in_turn(*parts: Iterator) -> Iterator:
    return (scene for scenes in zip(*parts) for scene in scenes)
