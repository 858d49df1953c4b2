"""What decides the result of an image, and what of it has changed."""
import hashlib
import json
from pathlib import Path

import torch
from mmengine.config import Config
from torch import nn

from dive_mmdet.version import __version__


def result_parts(config: Config, model: nn.Module, **settings) -> dict[str, str]:
    """Names and values of all that decides the result of an image but the image itself.

    The model with its search and prior, hooks, the weights as they were loaded and the version of this package; not
    batch size, number of ranks or folders of output.
    """
    parts = dict(model=config.get('model'), custom_hooks=config.get('custom_hooks'), **settings)
    return {**flatten(_plain(parts)), 'weights': weights_digest(model), 'dive_mmdet': __version__}


def data_parts(config: Config) -> dict[str, str]:
    """Names and values of what decides which images are tested: the data set and its annotation files.

    However deep data sets are wrapped or concatenated.
    """
    dataset = _plain(config.get('test_dataloader', {}).get('dataset', {}))
    return {**flatten(dict(dataset=dataset)), **flatten(dict(annotations=_annotation_digests(dataset)))}


def _annotation_digests(part) -> dict[str, str]:
    """sha256 of every annotation file that a data set's config names, by its path."""
    if isinstance(part, list):
        return {path: digest for inner in part for path, digest in _annotation_digests(inner).items()}
    if not isinstance(part, dict):
        return {}
    found = {path: digest for inner in part.values() for path, digest in _annotation_digests(inner).items()}
    path = Path(part.get('data_root') or '') / str(part.get('ann_file') or '')
    if path.is_file():
        found[path.as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _plain(parts):
    return json.loads(json.dumps(parts, default=str))


def weights_digest(model: nn.Module) -> str:
    """sha256 over names and bytes of all weights, wherever they came from."""
    result = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        result.update(f'{name} {tensor.dtype} {tuple(tensor.shape)}'.encode())
        result.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return result.hexdigest()


def flatten(value, name: str = '') -> dict[str, str]:
    """Nested plain data as dotted names and values in JSON."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not items:
        return {name: json.dumps(value)}
    return {key: leaf for part, inner in items
            for key, leaf in flatten(inner, f'{name}.{part}' if name else str(part)).items()}


def digest(parts: dict[str, str]) -> str:
    """16 characters that stand for the parts."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def changes(before: dict[str, str], after: dict[str, str], most: int = 10) -> str:
    """What differs, a name each with both values."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    listed = [f'{name}: {_short(before.get(name))} -> {_short(after.get(name))}' for name in names[:most]]
    return '; '.join([*listed, *([f'and {len(names) - most} more'] if len(names) > most else [])])


def _short(value: str | None) -> str:
    return 'nothing' if value is None else value if len(value) <= 60 else f'{value[:20]}...'
