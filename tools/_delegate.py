"""Runs the tools that ship inside the mmdet wheel."""
import os
import runpy
from pathlib import Path

import mmdet
import torch

from dive_mmdet.diffusion.untrusted import guard_loading


def run_mmdet_tool(name: str) -> None:
    """Run `name` of mmdet's tools as the main program, with the arguments of this process."""
    guard_loading()
    if 'RANK' in os.environ and not torch.cuda.is_available():
        torch.distributed.init_process_group('gloo')  # mmengine's launcher would ask for a GPU
    runpy.run_path(str(Path(mmdet.__file__).parent / '.mim' / 'tools' / name), run_name='__main__')
