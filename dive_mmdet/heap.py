"""Tell the C library to keep the memory that tensors leave, for the next ones.

By itself glibc gives every large tensor back to the kernel and gets fresh pages for the next, each to be cleared: on a
CPU a third of the time of a small network (`benchmarks/evaluations_per_second.py` says how to see it). Whoever has set
one of the C library's own variables is left alone.
"""
import ctypes
import os

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of mallopt(3)
AT_MOST = 2 ** 31 - 1  # bytes: what mallopt takes; larger tensors get memory of their own


def keep_freed_memory() -> bool:
    """Keep freed memory of tensors below 2 GiB for later ones; whether the C library can and may."""
    mallopt = getattr(ctypes.CDLL(None) if os.name == 'posix' else None, 'mallopt', None)
    if mallopt is None or any(name.startswith('MALLOC_') for name in os.environ):
        return False
    return bool(mallopt(MMAP_THRESHOLD, AT_MOST) and mallopt(TRIM_THRESHOLD, AT_MOST))


keep_freed_memory()
