"""A public autoencoder in one file, under the names of latent diffusion -> arguments and weights for diffusers.

diffusers' own `from_single_file` asks a server for a config; here sizes follow from the weights.
"""
from pathlib import Path

from torch import Tensor

from dive_mmdet.checkpoints.untrusted import UnreadableCheckpoint, load_untrusted, state_dict_of

from .ldm_keys import CODEBOOK, FIRST_STAGE, first_stage_weights

PARTS = ('encoder.', 'decoder.', 'quant_conv.', 'post_quant_conv.', 'quantize.')  # training files hold losses as well


def read_autoencoder(path: Path, quantised: bool) -> tuple[dict, dict[str, Tensor]]:
    """Constructor arguments and weights of diffusers' `VQModel` if `quantised`, else of its `AutoencoderKL`.

    Raises:
        UnreadableCheckpoint: the file is damaged, or holds an autoencoder of another kind.
        WeightsMismatch: it holds weights that such an autoencoder does not have.
    """
    found = state_dict_of(load_untrusted(path))
    bare = {key.removeprefix(FIRST_STAGE): value for key, value in found.items()}
    source = {key: value for key, value in bare.items() if key.startswith(PARTS)}
    if 'encoder.down.0.block.0.conv1.weight' not in source or (CODEBOOK in source) != quantised:
        raise UnreadableCheckpoint(f"{path} holds no {'quantising' if quantised else 'KL'} autoencoder under the names "
                                   "of latent diffusion: where it has diffusers' names, give its directory.")
    base, first = (len(source[f'encoder.{name}.weight']) for name in ('conv_in', 'down.0.block.0.conv1'))
    if base != first:
        raise UnreadableCheckpoint(f'{path} holds an autoencoder of base width {base} whose first level has {first} '
                                   'channels, and diffusers, which computes it here, can only begin with a multiplier '
                                   'of 1: this network is not supported.')
    blocks = [key for key in source if key.startswith('encoder.down.') and key.endswith('.conv1.weight')]
    levels = 1 + max(int(key.split('.')[2]) for key in blocks)
    arguments = dict(
        in_channels=source['encoder.conv_in.weight'].shape[1], out_channels=source['decoder.conv_out.weight'].shape[0],
        down_block_types=['DownEncoderBlock2D'] * levels, up_block_types=['UpDecoderBlock2D'] * levels,
        block_out_channels=[len(source[f'encoder.down.{level}.block.0.conv1.weight']) for level in range(levels)],
        layers_per_block=len(blocks) // levels, latent_channels=source['decoder.conv_in.weight'].shape[1])
    if quantised:
        arguments |= dict(zip(('num_vq_embeddings', 'vq_embed_dim'), source[CODEBOOK].shape))
    weights = first_stage_weights({FIRST_STAGE + key: value for key, value in source.items()})
    return arguments, {key.removeprefix('autoencoder.'): value for key, value in weights.items()}
