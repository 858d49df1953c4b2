"""Runs a program where a package is missing: python without.py PACKAGE PROGRAM [ARGUMENTS]."""
import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Missing:
    """Finds everything but one package."""

    def __init__(self, package: str):
        self.package = package

    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == self.package:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)


def run_without(package: str, *arguments) -> subprocess.CompletedProcess:
    """Run a program of the checkout in a process of its own."""
    return subprocess.run([sys.executable, __file__, package, *map(str, arguments)], cwd=ROOT, capture_output=True,
                          text=True)


if __name__ == '__main__':
    sys.meta_path.insert(0, Missing(sys.argv[1]))
    sys.argv = sys.argv[2:]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    runpy.run_path(sys.argv[0], run_name='__main__')
