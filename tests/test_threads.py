"""torch's threads are told how to wait before torch loads."""
import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = [path for folder in ('tools', 'demo', 'benchmarks') for path in sorted((ROOT / folder).rglob('*.py'))]
LOAD_TORCH = {'torch', 'mmcv', 'mmengine', 'mmdet', 'mmpretrain', 'diffusers', 'timm'}
PROBE = """
import os
import sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == 'torch':
            print('policy', os.environ.get('OMP_WAIT_POLICY'))

sys.meta_path.insert(0, Watch())
import dive_mmdet
import torch
"""


@pytest.mark.parametrize('given, expected', [({}, 'passive'), (dict(OMP_WAIT_POLICY='active'), 'active')])
def test_what_torch_finds_when_it_loads(given, expected):
    environment = {name: value for name, value in os.environ.items() if name != 'OMP_WAIT_POLICY'} | given
    done = subprocess.run([sys.executable, '-c', PROBE], env=environment, capture_output=True, text=True, check=True)
    assert f'policy {expected}' in done.stdout.splitlines()


@pytest.mark.parametrize('program', PROGRAMS, ids=lambda path: path.stem)
def test_a_program_imports_the_project_before_what_loads_torch(program):
    imports = [node for node in ast.parse(program.read_text()).body if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = [(node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).partition('.')[0]
             for node in imports]
    assert next((name for name in names if name in {'dive_mmdet', *LOAD_TORCH}), 'dive_mmdet') == 'dive_mmdet'
