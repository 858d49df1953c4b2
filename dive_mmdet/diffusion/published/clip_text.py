"""CLIP's text encoder in transformers' format -> its table of words, and config and weights of a `TextTransformer`."""
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dive_mmdet.checkpoints.untrusted import UnreadableCheckpoint

from .diffusers_parts import read_part
from .text_encoder import STEMS

PROJECTIONS = [f'self_attn.{name}_proj' for name in 'qkv']
RENAMED = {'self_attn.out_proj': 'self_attn.out_proj', 'layer_norm1': 'norm1', 'layer_norm2': 'norm2',
           'mlp.fc1': 'linear1', 'mlp.fc2': 'linear2'}


class ClipText(NamedTuple):
    """A text encoder.

    Attributes:
        file: that holds its weights.
        config: arguments of a `TextTransformer`.
        weights: of it.
        words: its table, (V, W).
    """
    file: Path
    config: dict[str, Any]
    weights: dict[str, Tensor]
    words: Tensor


def read_clip_text(folder: Path) -> ClipText:
    """Of a directory of a pipeline, such as `text_encoder`.

    Raises:
        FileNotFoundError, UnreadableCheckpoint: it is missing, damaged, something else, or lacks weights.
    """
    part = read_part(folder, ('CLIPTextModel',), STEMS)
    if part.config.get('use_attention_mask'):
        raise UnreadableCheckpoint(f'{folder} masks padding, which no text encoder of Stable Diffusion does.')
    given = {name.removeprefix('text_model.'): value for name, value in part.weights.items()}
    try:
        weights = _weights(given, part.config['num_hidden_layers'])
        words = given['embeddings.token_embedding.weight']
        config = dict(
            width=part.config['hidden_size'], length=part.config['max_position_embeddings'],
            num_layers=part.config['num_hidden_layers'], num_heads=part.config['num_attention_heads'],
            mlp_width=part.config['intermediate_size'], activation=part.config['hidden_act'],
            eps=part.config.get('layer_norm_eps', 1e-5))
    except KeyError as error:
        raise UnreadableCheckpoint(f'{part.file} or the config beside it lacks {error.args[0]}: download both '
                                   'again.') from None
    return ClipText(part.file, config, weights, words)


def _weights(given: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    found = {'positions': given['embeddings.position_embedding.weight']}
    for kind in ('weight', 'bias'):
        found[f'layers.norm.{kind}'] = given[f'final_layer_norm.{kind}']
        for layer in range(layers):
            theirs, ours = f'encoder.layers.{layer}.', f'layers.layers.{layer}.'
            found[f'{ours}self_attn.in_proj_{kind}'] = torch.cat([given[f'{theirs}{name}.{kind}']
                                                                  for name in PROJECTIONS])
            found |= {f'{ours}{new}.{kind}': given[f'{theirs}{old}.{kind}'] for old, new in RENAMED.items()}
    return found
