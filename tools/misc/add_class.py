"""Put a class that was learned from a few boxes into a checkpoint: weights, names and an entry for a metafile.

    python tools/misc/add_class.py CONFIG OLD.pth LEARNED.pth OUT.pth

CONFIG is that of the detector with the new class, OLD its checkpoint without it, and LEARNED what the Runner wrote of a
`NewClassModel`. Every weight of OLD keeps its bits; the table has one row more. OUT.pth fits CONFIG, or nothing is
written; OUT.yml beside it is an entry for a metafile.yml.
"""
import argparse
import sys
from pathlib import Path

import dive_mmdet  # noqa: F401  before torch, whose threads it sets

# isort: split
import yaml
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from dive_mmdet.checkpoints.added_class import add_class
from dive_mmdet.checkpoints.loading import WeightsMismatch
from dive_mmdet.checkpoints.publishing import write_whole
from dive_mmdet.checkpoints.untrusted import UnreadableCheckpoint, load_untrusted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    parser.add_argument('old', type=Path, metavar='OLD')
    parser.add_argument('learned', type=Path, metavar='LEARNED')
    parser.add_argument('target', type=Path, metavar='OUT')
    args = parser.parse_args()
    config = Config.fromfile(args.config)
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(config.model)
    try:
        checkpoint = add_class(load_untrusted(args.old), load_untrusted(args.learned), str(args.old))
        model.load_state_dict(checkpoint['state_dict'], strict=True)
    except (FileNotFoundError, UnreadableCheckpoint, WeightsMismatch, ValueError, RuntimeError) as error:
        sys.exit(' '.join(str(error).split()))
    checkpoint['meta']['config'] = Path(args.config).name
    digest = write_whole(args.target, checkpoint)
    parameters = sum(value.numel() for name, value in checkpoint['state_dict'].items() if name.startswith('backbone.'))
    entry = {'Name': Path(args.config).stem, 'In Collection': 'DIVE', 'Config': args.config,
             'Metadata': {'Parameters': parameters, 'SHA256': digest}, 'Weights': str(args.target)}
    args.target.with_suffix('.yml').write_text(yaml.safe_dump({'Models': [entry]}, sort_keys=False))
    names = checkpoint['meta'].get('dataset_meta', {}).get('classes', ())
    print(f'{args.target}: {parameters} weights of the generator, classes {", ".join(names) or "without names"}')


if __name__ == '__main__':
    main()
