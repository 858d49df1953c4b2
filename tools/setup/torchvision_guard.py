"""Let torchvision's index wheel import beside a CPU-only torch, and change nothing where it already imports.

The wheel's compiled operators need CUDA libraries; without them two `register_fake` lines fail at import although
nothing else in the package depends on them. They are guarded by torchvision's own test for its operators.
"""
import importlib.util
import subprocess
import sys
from pathlib import Path

OPERATORS = ('nms', 'qnms')
CURE = 'install the torchvision that belongs to this torch, `pip install --no-deps torchvision==VERSION`.'


def failure() -> str | None:
    """Why torchvision does not import, or None where it does."""
    done = subprocess.run([sys.executable, '-c', 'import torchvision'], capture_output=True, text=True)
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ['no message'])[-1]


def guard(path: Path) -> None:
    """Guard the two lines of torchvision's `_meta_registrations.py`; a second call changes nothing."""
    text = path.read_text()
    for operator in OPERATORS:
        call = f'torch.library.register_fake("torchvision::{operator}")'
        line, guarded = f'@{call}\n', f'@({call} if torchvision.extension._has_ops() else (lambda f: f))\n'
        if guarded not in text and line not in text:
            sys.exit(f'Error: {path} is not the file this guard was written for: {CURE}')
        text = text.replace(line, guarded)
    path.write_text(text)


def main() -> None:
    reason = failure()
    if reason is None:
        return
    import torch
    if torch.version.cuda is None:
        package = importlib.util.find_spec('torchvision').submodule_search_locations[0]
        guard(Path(package) / '_meta_registrations.py')
        reason = failure()
    if reason is not None:
        sys.exit(f'Error: torchvision does not import beside torch {torch.__version__} ({reason}): {CURE}')


if __name__ == '__main__':
    main()
