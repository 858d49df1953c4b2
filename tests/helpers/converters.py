"""Converters run in this process."""
import importlib.util
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / 'tools/model_converters'


def run(name: str, *arguments) -> str:
    """What a converter says when it stops; nothing where it ends well."""
    path = FOLDER / f'{name}.py'
    specification = importlib.util.spec_from_file_location(name, path)
    tool = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(tool)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', [str(path), *map(str, arguments)])
        try:
            tool.main()
        except SystemExit as stop:
            return str(stop.code)
    return ''
