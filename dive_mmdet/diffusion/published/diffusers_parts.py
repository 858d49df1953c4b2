"""Parts of public pipelines in diffusers' format: their configs as constructor arguments, their weights read alone."""
import inspect
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor

from dive_mmdet.checkpoints.untrusted import UnreadableCheckpoint, load_untrusted, state_dict_of

# Names of safetensors and of pickles without their endings.
STEMS = ('diffusion_pytorch_model', 'diffusion_pytorch_model')
# What a UNet may be built with beside a text, which no condition here gives.
OTHER_INPUTS = ('encoder_hid_dim', 'encoder_hid_dim_type', 'addition_embed_type', 'class_embed_type',
                'num_class_embeds', 'time_cond_proj_dim')
# Attention of autoencoders that were saved before diffusers 0.16.
OLD_ATTENTION = {'query': 'to_q', 'key': 'to_k', 'value': 'to_v', 'proj_attn': 'to_out.0'}


class Part(NamedTuple):
    """A part as it was read.

    Attributes:
        file: that holds its weights.
        config: its `config.json`.
        weights: by the names in the file.
    """
    file: Path
    config: dict[str, Any]
    weights: dict[str, Tensor]


def read_config(folder: Path, wanted: Sequence[str]) -> dict[str, Any]:
    """The `config.json` of a directory.

    Raises:
        FileNotFoundError: there is none.
        UnreadableCheckpoint: it is of another class than those `wanted`, or is no JSON.
    """
    path = folder / 'config.json'
    if not path.is_file():
        raise FileNotFoundError(f"{folder} has no config.json: give a {wanted[0]} directory in diffusers' format.")
    try:
        config = json.loads(path.read_text())
    except ValueError as error:
        raise UnreadableCheckpoint(f'{path} cannot be read ({error}): download it again.') from None
    found = config.get('_class_name') or (config.get('architectures') or ['nothing'])[0]
    if found not in wanted:
        raise UnreadableCheckpoint(f'{folder} holds {found} and no {wanted[0]}.')
    return config


def read_part(folder: Path, wanted: Sequence[str], stems: tuple[str, str] = STEMS) -> Part:
    """Config and weights of a directory: of safetensors before pickles, but of whole numbers before halves.

    Raises:
        FileNotFoundError: it has no config or no weights.
        UnreadableCheckpoint: its config is of another class than those `wanted`, or a file is damaged.
    """
    config = read_config(folder, wanted)
    names = [f'{stem}{variant}.{suffix}' for variant in ('', '.fp16')
             for stem, suffix in zip(stems, ('safetensors', 'bin'))]
    found = [folder / name for name in names if (folder / name).is_file()]
    if not found:
        raise FileNotFoundError(f"{folder} has no {names[0]}: give a {wanted[0]} directory in diffusers' format, its "
                                'weights in one file.')
    return Part(found[0], config, state_dict_of(load_untrusted(found[0])))


def unet_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """Constructor arguments of a `UNet2DConditionModel` that takes a text and perhaps boxes.

    Raises:
        UnreadableCheckpoint: the UNet takes something else.
    """
    own = dict(config)
    if own.pop('use_gated_attention', False):  # before diffusers 0.21
        own['attention_type'] = 'gated'
    others = [name for name in OTHER_INPUTS if own.get(name)]
    if own.get('attention_type', 'default') not in ('default', 'gated'):
        others.append(f"attention_type={own['attention_type']}")
    if own.get('in_channels', 4) != own.get('out_channels', 4):
        others.append(f"in_channels={own['in_channels']}")
    if others:
        raise UnreadableCheckpoint(f'This UNet takes more than a text and boxes ({", ".join(others)}): take one for '
                                   'generation from text, or from text and boxes.')
    return constructor_arguments(UNet2DConditionModel, own)


def autoencoder_arguments(config: Mapping[str, Any]) -> tuple[dict[str, Any], float]:
    """Constructor arguments of an `AutoencoderKL`, and the factor of its latents.

    Raises:
        UnreadableCheckpoint: its latents are shifted as well.
    """
    if config.get('shift_factor'):
        raise UnreadableCheckpoint(f"The autoencoder shifts its latents by {config['shift_factor']}, which "
                                   'KLFirstStage does not: take one of Stable Diffusion 1 or 2.')
    arguments = constructor_arguments(AutoencoderKL, config)
    return arguments, float(config.get('scaling_factor', 0.18215))


def autoencoder_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of an `AutoencoderKL` under the names of today."""
    old = re.compile(r'(.*\.mid_block\.attentions\.0\.)(query|key|value|proj_attn)\.(weight|bias)')
    renamed = {}
    for name, value in weights.items():
        match = old.fullmatch(name)
        renamed[f'{match[1]}{OLD_ATTENTION[match[2]]}.{match[3]}' if match else name] = value
    return renamed


def constructor_arguments(network: type, config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a config the network of the installed diffusers takes.

    Raises:
        UnreadableCheckpoint: a setting that it does not know.
    """
    own = {name: value for name, value in config.items() if not name.startswith('_')}
    known = inspect.signature(network.__init__).parameters
    unknown = sorted(name for name, value in own.items() if name not in known and value not in (None, False))
    if unknown:
        raise UnreadableCheckpoint(f'The installed diffusers has no `{unknown[0]}` of a {network.__name__}: install '
                                   'the one that wrote the config.')
    return {name: value for name, value in own.items() if name in known}
