"""A config as a command line asks for it."""
import argparse
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from inspect import signature
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.runner import Runner

# What a Runner and the frameworks' tools read although a config need not have it.
OF_THE_RUNNER = {*signature(Runner.__init__).parameters, 'auto_scale_lr', 'custom_imports',
                 'model_wrapper_cfg', 'tta_model', 'tta_pipeline'}


def add_arguments(parser: argparse.ArgumentParser, checkpoint: bool = True) -> None:
    """What names a config, its weights, other images than its own, and other settings."""
    parser.add_argument('config')
    if checkpoint:
        parser.add_argument('checkpoint')
    parser.add_argument('--ann-file', default=None, help="relative to the data root, instead of the config's")
    parser.add_argument('--img-prefix', default=None, help="relative to the data root, instead of the config's")
    parser.add_argument('--images', type=int, default=None, help='the first ones only')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={}, help='KEY=VALUE of the config')


def config_of(args: argparse.Namespace) -> Config:
    """The config that was asked for; see `load_config`.

    Raises:
        SystemExit: one sentence: what is wrong with what was asked for.
    """
    try:
        return load_config(args.config, args.cfg_options, args.ann_file, args.img_prefix, args.images)
    except (FileNotFoundError, KeyError) as error:
        raise SystemExit(error.args[0]) from None


def load_config(path: str, options: Mapping | None = None, ann_file: str | None = None,
                img_prefix: str | None = None, images: int | None = None) -> Config:
    """Read a config and change it.

    Args:
        path: of the config.
        options: KEY=VALUE of `--cfg-options`.
        ann_file, img_prefix: of the tested images, relative to the data root, instead of the config's; the evaluator
            judges by the same file.
        images: test the first ones only.

    Raises:
        FileNotFoundError: there is no config.
        KeyError: an option that the config does not have, which nothing would read.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'There is no config at {path}: give one that is there.')
    config = Config.fromfile(path)
    require_known(config, options or {})
    config.merge_from_dict(dict(options or {}))
    dataset = config.get('test_dataloader', {}).get('dataset', {})
    if ann_file is not None:
        dataset.ann_file = ann_file
        config.test_evaluator.ann_file = str(Path(dataset.data_root) / ann_file)
    if img_prefix is not None:
        dataset.data_prefix.img = img_prefix
    if images is not None:
        dataset['num_images' if 'num_images' in dataset else 'indices'] = images
    return config


def require_known(config: Config, options: Mapping) -> None:
    """Refuse options whose first key a config does not have, and that a Runner does not know.

    Raises:
        KeyError: names the option and, where there is one, the key that was meant.
    """
    for option in options:
        first, _, rest = option.partition('.')
        if first in config or first in OF_THE_RUNNER:
            continue
        leaf = option.rpartition('.')[2]
        known = list(_keys(config.to_dict(), ''))
        meant = [key for key in known if key.rpartition('.')[2] == leaf] or get_close_matches(option, known, 1)
        hint = f'did you mean {meant[0]}?' if meant else 'look for its name in the config.'
        raise KeyError(f'The config has no {option}, so nothing would read it: {hint}')


def _keys(part, name: str) -> Iterator[str]:
    for key, value in part.items() if isinstance(part, Mapping) else ():
        full = f'{name}.{key}' if name else str(key)
        yield full
        yield from _keys(value, full)
