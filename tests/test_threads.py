"""torch's threads are told how to wait before torch loads."""
import os
import subprocess
import sys

import pytest

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
