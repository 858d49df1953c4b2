"""Runs the tools that ship inside the mmdet wheel."""
import os
import runpy
from pathlib import Path

import mmdet
import torch

import dive_mmdet  # noqa: F401


def run_mmdet_tool(name: str) -> None:
    """Run `name` of mmdet's tools as the main program, with the arguments of this process."""
    if 'RANK' in os.environ and not torch.cuda.is_available():
        torch.distributed.init_process_group('gloo')  # mmengine's launcher would ask for a GPU
    runpy.run_path(str(Path(mmdet.__file__).parent / '.mim' / 'tools' / name), run_name='__main__')
