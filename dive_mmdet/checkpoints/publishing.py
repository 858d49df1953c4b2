"""Writing weights: plain tensors and plain metadata, whole or not at all."""
import hashlib
import os
import re
from pathlib import Path

import torch
from torch import Tensor

from dive_mmdet.version import __version__

from .untrusted import UnreadableCheckpoint, load_untrusted


class PublishError(Exception):
    """One sentence: what is wrong."""


def select(state: dict[str, Tensor], keep: tuple[str, ...] = (), strip_prefix: str = '') -> dict[str, Tensor]:
    """The entries whose names begin with one of `keep` (all, where it is empty), named without `strip_prefix`.

    Raises:
        PublishError: nothing is left, no name begins with a given prefix, or two names become one.
    """
    for prefix in (*keep, strip_prefix):
        if not any(name.startswith(prefix) for name in state):
            raise PublishError(f"No weight of this checkpoint is named '{prefix}...'.")
    names = [name for name in state if not keep or name.startswith(tuple(keep))]
    chosen = {name.removeprefix(strip_prefix): state[name] for name in names}
    if len(chosen) < len(names):
        raise PublishError(f"Without '{strip_prefix}' two weights would have the same name.")
    if not chosen:
        raise PublishError('This checkpoint holds no weights.')
    return chosen


def halve(name: str, tensor: Tensor) -> Tensor:
    """float16 of a matrix or kernel; vectors (biases, batch statistics, schedules) are small and stay as they are.

    Raises:
        PublishError: float16 cannot hold a value.
    """
    if tensor.dim() < 2 or tensor.dtype != torch.float32:
        return tensor
    half = tensor.half()
    if half.isinf().any():
        raise PublishError(f"'{name}' holds values too large for float16: publish without --half.")
    return half


def plain_meta(meta: dict) -> dict:
    """What a user of the weights needs of the Runner's meta, as plain data."""
    experiment = re.sub(r'_\d{8}_\d{6}$', '', str(meta.get('experiment_name', '')))
    classes = [str(name) for name in (meta.get('dataset_meta') or {}).get('classes', ())]
    return dict(dataset_meta=dict(classes=classes), config=experiment, iter=int(meta.get('iter', 0)),
                dive_mmdet_version=__version__)


def publish(source: Path, target: Path, half: bool = False, keep: tuple[str, ...] = (), strip_prefix: str = '') -> str:
    """Write the weights in `source` to `target`, whole or not at all; returns the sha256 of the file.

    Raises:
        PublishError: `source` is no checkpoint, or the choice of weights makes no sense.
    """
    if not source.is_file():
        raise PublishError(f'{source} is no file.')
    try:
        checkpoint = load_untrusted(source)
    except UnreadableCheckpoint as error:
        raise PublishError(str(error)) from None
    if not isinstance(checkpoint.get('state_dict'), dict):
        raise PublishError(f'{source} holds no state_dict.')
    state = select(checkpoint['state_dict'], keep, strip_prefix)
    # A clone, since a view would be saved with the whole storage that it looks at.
    state = {name: (halve(name, tensor) if half else tensor).detach().clone() for name, tensor in state.items()}
    return write_whole(target, dict(meta=plain_meta(checkpoint.get('meta') or {}), state_dict=state))


def write_whole(target: Path, checkpoint: dict) -> str:
    """Save a checkpoint whole or not at all; returns the sha256 of the file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + '.partial')
    with open(partial, 'wb') as file:  # given its name instead, torch would write that into it
        torch.save(checkpoint, file)
    os.replace(partial, target)
    return sha256_of(target)


def sha256_of(path: Path) -> str:
    """Of a file that need not fit the memory."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while part := file.read(2 ** 24):
            digest.update(part)
    return digest.hexdigest()
