"""What the converters have in common: a generator of others' weights, written whole or not at all."""
import sys
from collections.abc import Callable
from pathlib import Path

from mmengine.config import Config
from torch import Tensor

from dive_mmdet.registry import MODELS
from dive_mmdet.version import __version__

from .publishing import sha256_of, write_whole


def write_generator(config: dict, weights: dict[str, Tensor], source: Path, target: Path, meta: dict) -> str:
    """Build the generator, load every weight, and write TARGET and its config beside it; returns a line about them.

    Raises:
        ValueError: weights without a place in the network.
        WeightsMismatch: the network has weights that are missing, or of another size.
    """
    generator = MODELS.build(config)
    unexpected = sorted(set(weights) - set(generator.state_dict()))
    if unexpected:
        raise ValueError(f'{len(unexpected)} weights of {source} have no place in the network '
                         f'({", ".join(unexpected[:3])}): checkpoint and description do not belong together.')
    # A first stage with weights of its own, which no public DiT checkpoint holds, brings them. One that the checkpoint
    # holds must be whole: what it lacks would be random.
    brought = any(key.startswith('first_stage.') for key in weights)
    own = {} if brought else {key: value for key, value in generator.state_dict().items()
                              if key.startswith('first_stage.')}
    generator.load_state_dict(own | weights)
    digest = sha256_of(source)
    write_whole(target, dict(
        meta=dict(meta, source=source.name, source_sha256=digest, dive_mmdet_version=__version__),
        state_dict={f'backbone.{key}': value for key, value in generator.state_dict().items()}))
    header = f'# Of {source.name} (sha256 {digest[:16]}), by a converter in tools/model_converters.\n'
    target.with_suffix('.py').write_text(header + Config(dict(generator=config)).pretty_text)
    count = sum(parameter.numel() for parameter in generator.parameters())
    return f'{target}: {count / 1e6:.1f} M parameters; {target.with_suffix(".py")} holds the config'


def require_target(target: Path) -> None:
    """The config stands beside the weights, so their names must differ."""
    if target.suffix != '.pth':
        sys.exit(f'{target} should end with .pth: the config is written beside it with .py.')


def run_converter(target: Path, convert: Callable[[], str], *refusals: type[Exception]) -> None:
    """Print what a conversion says of TARGET.

    Raises:
        SystemExit: one sentence: TARGET cannot be written, or why `convert` raised ValueError, RuntimeError,
            FileNotFoundError or one of `refusals`.
    """
    require_target(target)
    try:
        print(convert())
    except (ValueError, RuntimeError, FileNotFoundError, *refusals) as error:
        sys.exit(' '.join(str(error).split()))
