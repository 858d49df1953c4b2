"""Let torchvision's index wheel import beside a CPU-only torch, and change nothing where it already imports.

The wheel's compiled operators need CUDA libraries; without them two `register_fake` lines fail at import although
nothing else in the package depends on them. They are guarded by torchvision's own test for its operators.
"""
import importlib.util
import subprocess
import sys
from pathlib import Path

OPERATORS = ('nms', 'qnms')


def imports() -> bool:
    return subprocess.run([sys.executable, '-c', 'import torchvision'], capture_output=True).returncode == 0


def guard(path: Path) -> None:
    text = path.read_text()
    for operator in OPERATORS:
        call = f'torch.library.register_fake("torchvision::{operator}")'
        line, guarded = f'@{call}\n', f'@({call} if torchvision.extension._has_ops() else (lambda f: f))\n'
        if guarded not in text and line not in text:
            sys.exit(f'Error: {path} is not the file this guard was written for.')
        text = text.replace(line, guarded)
    path.write_text(text)


def main() -> None:
    if imports():
        return
    package = importlib.util.find_spec('torchvision').submodule_search_locations[0]
    guard(Path(package) / '_meta_registrations.py')
    if not imports():
        sys.exit('Error: torchvision does not import beside this torch.')


if __name__ == '__main__':
    main()
