"""A run as a command line asks for it."""
import argparse
import warnings
from pathlib import Path

from mmengine.config import Config

from .configured import add_arguments, config_of
from .run import Run, run_test


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """`add_arguments`, and where the run is kept."""
    add_arguments(parser)
    parser.add_argument('--out', type=Path, required=True)
    parser.add_argument('--tuning', action='store_true', help='on the images of `tuning_dataset`')


def run_asked(args: argparse.Namespace) -> tuple[Config, Run]:
    """Test as `add_run_arguments` says, with a line of progress that moves; finished images are taken over.

    Raises:
        SystemExit: one sentence: what is wrong with what was asked for.
    """
    warnings.filterwarnings('ignore')
    config = config_of(args)
    if args.tuning:
        use_tuning_images(config, args)
    return config, run_test(config, args.checkpoint, args.out, show=lambda line: print(f'    {line}', flush=True))


def use_tuning_images(config: Config, args: argparse.Namespace) -> None:
    """Test the images of a config's `tuning_dataset`, on which settings are chosen.

    Args:
        config: that is changed.
        args: of `add_arguments`, `config` and `images` among them.

    Raises:
        SystemExit: there are none, or other images were asked for too.
    """
    if args.ann_file or args.img_prefix:
        raise SystemExit('--tuning takes the images of tuning_dataset: give neither --ann-file nor --img-prefix with '
                         'it.')
    if 'tuning_dataset' not in config:
        raise SystemExit(f'{args.config} has no tuning_dataset: give --ann-file and --img-prefix of training images.')
    config.test_dataloader.dataset = dict(config.tuning_dataset,
                                          num_images=args.images or config.tuning_dataset.num_images)
