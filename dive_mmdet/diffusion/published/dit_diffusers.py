"""A DiT in diffusers' format -> weights under the names of the public release, which computes something else.

diffusers' `DiTTransformer2DModel` divides the exponents of its timestep frequencies by 127 instead of 128, has another
epsilon in the second norm, and holds timestep layers and class table once in every block. The weights are those of the
public release, so they are taken for its network (`DiT`).
"""
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from dive_mmdet.checkpoints.loading import WeightsMismatch
from dive_mmdet.diffusion.denoisers.dit import patch_positions

from .diffusers_parts import Part, read_part

ONCE = {'pos_embed.proj': 'x_embedder.proj', 'proj_out_1': 'final_layer.adaLN_modulation.1',
        'proj_out_2': 'final_layer.linear'}
EVERY = {'norm1.linear': 'adaLN_modulation.1', 'attn1.to_out.0': 'attn.proj', 'ff.net.0.proj': 'mlp.fc1',
         'ff.net.2': 'mlp.fc2'}
COPIED = {'timestep_embedder.linear_1.weight': 't_embedder.mlp.0.weight',
          'timestep_embedder.linear_1.bias': 't_embedder.mlp.0.bias',
          'timestep_embedder.linear_2.weight': 't_embedder.mlp.2.weight',
          'timestep_embedder.linear_2.bias': 't_embedder.mlp.2.bias',
          'class_embedder.embedding_table.weight': 'y_embedder.embedding_table.weight'}


def read_directory(folder: Path) -> Part:
    """Weight file, config and weights of a transformer's directory, or of a pipeline's that holds one.

    Raises:
        FileNotFoundError: it has no config or no weights.
        UnreadableCheckpoint: its config is of another class, or a file is damaged.
    """
    folder = folder / 'transformer' if (folder / 'transformer').is_dir() else folder
    return read_part(folder, ('DiTTransformer2DModel', 'Transformer2DModel'))


def public_weights(weights: Mapping[str, Tensor], config: Mapping) -> dict[str, Tensor]:
    """Weights under the public names.

    Raises:
        WeightsMismatch: weights that are missing, are without a public name, or differ between blocks.
    """
    try:
        return _renamed(dict(weights), config)
    except KeyError as error:
        raise WeightsMismatch(f"The DiT directory lacks '{error.args[0]}': download it again.") from None


def _renamed(weights: dict[str, Tensor], config: Mapping) -> dict[str, Tensor]:
    public = {}
    for name in sorted({match[0] for match in map(re.compile(r'transformer_blocks\.\d+\.').match, weights) if match}):
        block = name.replace('transformer_blocks', 'blocks')
        for copied, target in COPIED.items():
            value = weights.pop(f'{name}norm1.emb.{copied}')
            if not torch.equal(public.setdefault(target, value), value):
                raise WeightsMismatch(f'The blocks hold different copies of {copied}: the network is no converted DiT '
                                      'of the public release, whose blocks share one.')
        for kind in ('weight', 'bias'):
            public[f'{block}attn.qkv.{kind}'] = torch.cat([weights.pop(f'{name}attn1.to_{which}.{kind}')
                                                           for which in 'qkv'])
            public |= {f'{block}{target}.{kind}': weights.pop(f'{name}{own}.{kind}') for own, target in EVERY.items()}
    public |= {f'{target}.{kind}': weights.pop(f'{own}.{kind}') for own, target in ONCE.items()
               for kind in ('weight', 'bias')}
    weights.pop('pos_embed.pos_embed', None)
    if weights:
        raise WeightsMismatch(f'{len(weights)} weights have no place in a public DiT ({sorted(weights)[0]}).')
    side = config['sample_size'] // config['patch_size']
    return dict(public, pos_embed=patch_positions((side, side), len(public['x_embedder.proj.weight'])))
