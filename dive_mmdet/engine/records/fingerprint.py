"""What decides the result of an image, and what of it has changed."""
import hashlib
import json
from pathlib import Path

import torch
from mmengine.config import Config
from torch import nn

from dive_mmdet.version import __version__


def fingerprint_parts(config: Config, model: nn.Module, **settings) -> dict[str, str]:
    """Names and values of all that decides a result.

    The model with its search and prior, the data set, the weights as they were loaded, the annotation file and the
    version of this package; not batch size, number of ranks or folders of output. The images are taken to be what
    they were.
    """
    dataset = config.get('test_dataloader', {}).get('dataset', {})
    annotations = Path(dataset.get('data_root') or '') / (dataset.get('ann_file') or '')
    parts = dict(model=config.get('model'), custom_hooks=config.get('custom_hooks'), dataset=dataset, **settings)
    return {**flatten(json.loads(json.dumps(parts, default=str))),
            'weights': weights_digest(model), 'dive_mmdet': __version__,
            'annotations': hashlib.sha256(annotations.read_bytes()).hexdigest() if annotations.is_file() else 'none'}


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
