"""Runs the tools that ship inside the wheels of mmdet and mmpretrain."""
import argparse
import os
import runpy
import sys
from importlib import import_module
from pathlib import Path

import dive_mmdet.threads  # noqa: F401  before torch

import torch
from mmengine.config import Config, DictAction

from dive_mmdet.checkpoints.untrusted import guard_loading
from dive_mmdet.compat import leave_process_group
from dive_mmdet.engine.configured import require_known
from dive_mmdet.engine.interruption import ends_on_signals


def _require_known_options(settings: Config) -> None:
    """End with a sentence where an option of the command line is one that nothing, or not this config's loop, reads."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    options = parser.parse_known_args()[0].cfg_options
    try:
        require_known(settings, options)
    except KeyError as error:
        sys.exit(error.args[0])
    loop = options.get('test_cfg.type', (settings.get('test_cfg') or {}).get('type'))
    if 'test_cfg.resume' in options and loop == 'TestLoop':
        sys.exit(f'The config tests by a {loop}, which stores nothing to resume: from the first test on, give '
                 '--cfg-options test_cfg.type=dive_mmdet.ResumableTestLoop.')


def run_framework_tool(name: str) -> None:
    """Run `name` of the framework in whose scope the config works as the main program, with this process's arguments.

    Without a config mmdet's tool says what it wants. A config may name files that its user must bring, as
    `required_files = {path: what to get}`.

    Raises:
        SystemExit: such a file or the framework is missing; the sentence says what to get and where it goes.
    """
    config = next((text for text in sys.argv[1:] if text.endswith('.py') and Path(text).is_file()), None)
    settings = Config.fromfile(config) if config else {}
    for path, what in settings.get('required_files', {}).items():
        if not Path(path).exists():
            sys.exit(f'{path} is missing: get {what}.')
    if config:
        _require_known_options(settings)
    guard_loading()
    if 'RANK' in os.environ and not torch.cuda.is_available():
        torch.distributed.init_process_group('gloo')  # mmengine's launcher would ask for a GPU
    framework = settings.get('default_scope', 'mmdet')
    try:
        package = Path(import_module(framework).__file__).parent
    except (ImportError, AssertionError) as error:
        sys.exit(f'{config} needs {framework}, which does not import ({error}): `python tools/misc/check_env.py` says '
                 'what to install.')
    try:
        with ends_on_signals():  # by an ordinary exit, at which the processes that read images are ended too
            runpy.run_path(str(package / '.mim' / 'tools' / name), run_name='__main__')
    finally:
        leave_process_group()
