"""Memory that a tensor leaves serves the next one."""
import os
import subprocess
import sys
from ctypes.util import find_library

import pytest

pytestmark = pytest.mark.skipif(find_library('c') != 'libc.so.6', reason='of the C libraries only glibc has mallopt')
# Pages that the kernel had to bring for ten tensors of 32 MiB, one after the other; a page has 4 KiB.
FAULTS = """
import resource
import dive_mmdet
import torch
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for round in range(40):
    if round == 30:  # the heap has grown to what is needed
        before = faults()
    torch.full((8 << 20,), 1.0) + 1
print(faults() - before, dive_mmdet.heap.keep_freed_memory())
"""


def faults(**variables: str) -> list[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith('MALLOC_')}
    done = subprocess.run([sys.executable, '-c', FAULTS], env={**plain, **variables}, capture_output=True, text=True,
                          check=True)
    return done.stdout.split()


def test_freed_memory_is_used_again():
    pages, kept = faults()
    assert kept == 'True' and int(pages) < 8192  # ten tensors and their sums have 163,840


def test_a_setting_of_the_c_library_is_left_alone():
    pages, kept = faults(MALLOC_ARENA_MAX='2')
    assert kept == 'False' and int(pages) > 8192
