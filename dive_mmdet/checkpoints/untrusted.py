"""Opening checkpoints of others: tensors and plain values alone, nothing is ever executed."""
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlparse

import torch
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader
from safetensors import SafetensorError
from safetensors.torch import load_file

from .inert_pickle import NotPlain, Placeholder, inert_pickle

# Objects that Lightning leaves beside the weights of public checkpoints.
LIGHTNING = [f'{package}.{name}' for package in ('pytorch_lightning', 'lightning.pytorch') for name in (
    'callbacks.model_checkpoint.ModelCheckpoint', 'callbacks.early_stopping.EarlyStopping',
    'callbacks.lr_monitor.LearningRateMonitor', 'callbacks.timer.Timer',
    'callbacks.progress.tqdm_progress.TQDMProgressBar', 'callbacks.gradient_accumulation_scheduler.'
    'GradientAccumulationScheduler', 'utilities.parsing.AttributeDict')]
# Objects that mmengine's Runner leaves in checkpoints of a training: its histories of scalars, arrays of numpy.
RUNNER = ['builtins.getattr', 'mmengine.logging.history_buffer.HistoryBuffer', 'numpy.dtype', 'numpy.ndarray',
          *(f'numpy.{core}.multiarray.{name}' for core in ('core', '_core') for name in ('_reconstruct', 'scalar'))]
# Of mmengine's loader: stores whose clients hand over bytes, which it would unpickle.
REFUSED = ('pavi://', r'(\S+\:)?s3://', r'(\S+\:)?petrel://')
STATISTICS = ('min', 'max', 'current', 'mean')


class Attribute(Placeholder):
    """Stands for `getattr`, by which histories name their statistics; what names anything else is not read."""

    def __new__(cls, owner, name):
        if getattr(owner, '__name__', None) != 'HistoryBuffer' or name not in STATISTICS:
            raise NotPlain('builtins.getattr')
        return super().__new__(cls)


class UnreadableCheckpoint(ValueError):
    """A file that is no checkpoint of tensors and plain values."""


def load_untrusted(path: str | Path, known: Sequence[str] = (*LIGHTNING, *RUNNER)) -> dict[str, Any]:
    """A checkpoint as a dictionary; known objects become inert placeholders.

    Raises:
        FileNotFoundError: nothing lies there.
        UnreadableCheckpoint: the file is damaged, or holds objects of other types, which are named and not built.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'No checkpoint at {path}: give one that is there.')
    if path.suffix == '.safetensors':
        try:
            return load_file(path)
        except SafetensorError as error:
            raise UnreadableCheckpoint(f'{path} cannot be read ({error}): download it again.') from None
    stand_ins = {name: type(name.rpartition('.')[2], (Attribute if name == 'builtins.getattr' else Placeholder,), {})
                 for name in known}
    try:
        if is_program(path):
            raise NotPlain('TorchScript or torch.legacy')
        # Where that is set, torch's own reader would take the place of this one, which builds no more than it does.
        with patch.dict(os.environ, TORCH_FORCE_WEIGHTS_ONLY_LOAD='0'):
            checkpoint = torch.load(path, map_location='cpu', pickle_module=inert_pickle(stand_ins),
                                    weights_only=False)
    except NotPlain as error:
        raise UnreadableCheckpoint(f'{path} holds an object of type {error}, which is not built: only weights are '
                                   'read, so save its `state_dict` alone where you trust it.') from None
    except KeyError:  # a byte that begins nothing in a pickle
        raise UnreadableCheckpoint(f'{path} is no checkpoint: only weights are read, as `torch.save` writes '
                                   'them.') from None
    except Exception as error:  # whatever a damaged file or a hostile one makes of the reader
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnreadableCheckpoint(f'{path} cannot be read ({reason}): download it again.') from None
    if not isinstance(checkpoint, dict):
        raise UnreadableCheckpoint(f'{path} holds {type(checkpoint).__name__} and no dictionary of weights.')
    return checkpoint


def is_program(path: Path) -> bool:
    """Would `torch.load` hand this file to another of its readers: that of TorchScript, or of its first archives?"""
    with open(path, 'rb') as file:
        if torch.serialization._is_zipfile(file):
            # torch's own view of the archive: another reader may see other files in a forged one.
            return torch.serialization._is_torchscript_zip(torch._C.PyTorchFileReader(str(path)))
    return tarfile.is_tarfile(path)


def guard_loading() -> None:
    """Have mmengine read checkpoint files and downloads by `load_untrusted` first, in this process from now on.

    Its own loader falls back to building whatever objects a file names, and builds them of a download at once.
    """
    CheckpointLoader.register_scheme('', _load_guarded, force=True)
    CheckpointLoader.register_scheme(REFUSED, _refuse, force=True)
    mmengine_checkpoint.load_url = _load_url  # behind https://, torchvision://, open-mmlab:// and others


def _load_guarded(filename: str, map_location) -> dict[str, Any]:
    path = Path(filename).expanduser()
    weights = load_untrusted(path, RUNNER)
    if path.suffix == '.safetensors':  # an older torch reads it as a pickle, and a file may be both
        return weights
    # Now all of it, for a training to go on from: mmengine 0.10.7 would leave torch's default, which is weights alone
    # since 2.6, and its Runner writes more.
    return torch.load(path, map_location=map_location, weights_only=False)


def _load_url(url: str, model_dir: str | None = None, map_location=None, progress: bool = True) -> dict[str, Any]:
    """As `torch.hub.load_state_dict_from_url`, into and from its folder."""
    folder = Path(model_dir or Path(torch.hub.get_dir()) / 'checkpoints')
    path = folder / Path(urlparse(url).path).name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), progress=progress)
    return _load_guarded(str(path), map_location)


def _refuse(filename: str, map_location) -> None:
    raise UnreadableCheckpoint(f'{filename} is not opened: only files and https:// are read as weights alone, so '
                               'download it first.')


def state_dict_of(checkpoint: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The weights of a checkpoint, whether they stand under `state_dict` or alone."""
    weights = checkpoint.get('state_dict', checkpoint)
    return {key: value for key, value in weights.items() if isinstance(value, torch.Tensor)}
