"""Tell torch's threads to sleep while they wait for each other; imported before torch, which reads it when it loads.

Threads that wait busily cost a multiple of the time on a machine that has other work (`benchmarks/threads.py`).
"""
import os

os.environ.setdefault('OMP_WAIT_POLICY', 'passive')
