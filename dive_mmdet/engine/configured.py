"""A config as a command line asks for it."""
import argparse
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from inspect import signature
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.runner import Runner

from dive_mmdet.arguments import at_least_one

# What a Runner and the frameworks' tools read although a config need not have it.
OF_THE_RUNNER = {*signature(Runner.__init__).parameters, 'activation_checkpointing', 'auto_scale_lr', 'compile',
                 'custom_imports', 'efficient_conv_bn_eval', 'find_unused_parameters', 'model_wrapper_cfg', 'sync_bn',
                 'tta_model', 'tta_pipeline'}
TOLD_OTHERWISE = {'load_from', 'resume', 'work_dir'}
OF_OUR_TOOLS = {'required_files', 'tuning_dataset'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What names a config, its weights, other images than its own, and other settings."""
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--ann-file', default=None, help="relative to the data root, instead of the config's")
    parser.add_argument('--img-prefix', default=None, help="relative to the data root, instead of the config's")
    parser.add_argument('--images', type=at_least_one, default=None, help='the first ones only')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={}, help='KEY=VALUE of the config')


def config_of(args: argparse.Namespace) -> Config:
    """The config that was asked for; see `load_config`.

    Raises:
        SystemExit: one sentence: what is wrong with what was asked for.
    """
    for option in TOLD_OTHERWISE & args.cfg_options.keys():
        raise SystemExit(f'{option} is told by the other arguments of this tool: leave it out of --cfg-options.')
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
    given = [value for value in (ann_file, img_prefix, images) if value is not None]
    if given and ('datasets' in dataset or 'dataset' in dataset):
        raise KeyError(f'The images of {path} are those of several data sets in a {dataset.type}, and {given[0]} says '
                       'nothing of which: give --cfg-options test_dataloader.dataset...=VALUE.')
    if ann_file is not None:
        dataset.ann_file = ann_file
        evaluators = config.test_evaluator if isinstance(config.test_evaluator, list) else [config.test_evaluator]
        for evaluator in evaluators:
            if 'ann_file' in evaluator:
                evaluator.ann_file = str(Path(dataset.get('data_root') or '') / ann_file)
    if img_prefix is not None:
        dataset.data_prefix = dict(dataset.get('data_prefix') or {}, img=img_prefix)
    if images is not None:
        dataset['num_images' if 'num_images' in dataset else 'indices'] = images
    return config


def held_back(path: str) -> tuple[str | None, str | None]:
    """Annotation file and image folder of a config's validation part; nothing where it is what is tested."""
    config = Config.fromfile(path) if Path(path).is_file() else {}
    val, test = (config.get(f'{part}_dataloader', {}).get('dataset', {}) for part in ('val', 'test'))
    if val.get('ann_file') == test.get('ann_file') or 'ann_file' not in val:
        return None, None
    return val.ann_file, val.get('data_prefix', {}).get('img')


def require_known(config: Config, options: Mapping) -> None:
    """Refuse options that nothing reads: neither a Runner nor a tool does, and the parts of a config are made already.

    Raises:
        KeyError: names the option and, where there are any, the keys that may be meant.
    """
    read = OF_THE_RUNNER | OF_OUR_TOOLS
    for option in options:
        first, _, rest = option.partition('.')
        if first in read:
            continue
        leaf, values = option.rpartition('.')[2], config.to_dict()
        known = dict(_items({name: values[name] for name in values if name in read}, ''))
        copies = [key for key, value in known.items() if first in values and value == values[first]]
        meant = ([f'{key}.{rest}' for key in copies if rest]
                 or [key for key in known if key.rpartition('.')[2] == leaf] or get_close_matches(option, known, 1))
        hint = f'did you mean {" or ".join(meant[:3])}?' if meant else 'look for its name in the config.'
        what = f'{first} is a variable of the config' if first in config else f'The config has no {option}'
        raise KeyError(f'{what}, so nothing would read {option if first in config else "it"}: {hint}')


def _items(part, name: str) -> Iterator[tuple[str, object]]:
    for key, value in part.items() if isinstance(part, Mapping) else ():
        full = f'{name}.{key}' if name else str(key)
        yield full, value
        yield from _items(value, full)
