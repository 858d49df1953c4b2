"""The digit scenes that are not made on the fly, as PNG files and COCO annotations."""
import hashlib
from pathlib import Path

from .coco_files import write_part
from .digit_scenes import DIGITS, DigitSceneComposer

# name: (split of the digits, seed, scenes); no training of a generator or detector uses the seed of `calib`. Settings
# of a search are chosen on `tune`: other scenes than those of `val`, of digits that no generator has seen either.
PARTS = {'val': ('val', 0, 300), 'calib': ('train', 1, 200), 'tune': ('val', 3, 96)}
SUBSETS = {'val_32': ('val', 32), 'val_60': ('val', 60), 'val_100': ('val', 100), 'val_200': ('val', 200),
           'calib_32': ('calib', 32), 'calib_64': ('calib', 64), 'tune_48': ('tune', 48)}


def make(out: Path, parts: dict = PARTS, subsets: dict = SUBSETS) -> str:
    """Write everything below `out`; returns a checksum over all files written."""
    digest = hashlib.sha256()
    for name, (split, seed, count) in parts.items():
        composer = DigitSceneComposer(split=split, seed=seed)
        composed = map(composer.compose, range(count))
        scenes = ((image, boxes.tolist(), labels.tolist()) for image, boxes, labels in composed)
        own = {subset: size for subset, (part, size) in subsets.items() if part == name}
        write_part(out, name, scenes, own, DIGITS, 0, digest)
    return digest.hexdigest()
