"""A framework's tool that is ended takes its workers along."""
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = """
import os, time
from multiprocessing import Process
worker = Process(target=time.sleep, args=(600,), daemon=True)
worker.start()
print(worker.pid, flush=True)
time.sleep(600)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return 'Z' not in Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]


def test_sigterm_leaves_no_worker_behind(tmp_path):
    tools = tmp_path / 'stub_framework/.mim/tools'
    tools.mkdir(parents=True)
    (tmp_path / 'stub_framework/__init__.py').write_text('')
    (tools / 'train.py').write_text(TOOL)
    (tmp_path / 'config.py').write_text("default_scope = 'stub_framework'\n")
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]))
    process = subprocess.Popen([sys.executable, ROOT / 'tools/train.py', tmp_path / 'config.py'],
                               stdout=subprocess.PIPE, text=True, env=environment)
    worker = int(process.stdout.readline())
    assert alive(worker)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    until = time.monotonic() + 30
    while alive(worker) and time.monotonic() < until:
        time.sleep(0.1)
    assert not alive(worker)
