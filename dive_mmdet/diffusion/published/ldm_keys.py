"""Names of weights: public layout-to-image checkpoints (latent diffusion) -> the parts of a `LayoutGenerator`.

Pure functions from dict to dict, values untouched but for the 1 x 1 convolutions that became linear layers. The UNet
and the autoencoder go through diffusers' own converters, since diffusers computes them here. Not taken over are the
schedule's buffers, which a config gives, and `to_logits`, which nothing uses.
"""
import re
from collections.abc import Callable, Mapping

import torch
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
from torch import Tensor

from dive_mmdet.checkpoints.loading import WeightsMismatch
from dive_mmdet.diffusion.schedule import NoiseSchedule

UNET = 'model.diffusion_model.'
EMA = 'model_ema.'
FIRST_STAGE = 'first_stage_model.'
TRANSFORMER = 'cond_stage_model.transformer.'
CODEBOOK = 'quantize.embedding.weight'
# What a training leaves beside the networks; a config gives the schedule.
UNUSED = {f'model_ema.{name}' for name in ('decay', 'num_updates')} | {
    'betas', 'alphas_cumprod', 'alphas_cumprod_prev', 'sqrt_alphas_cumprod', 'sqrt_one_minus_alphas_cumprod',
    'log_one_minus_alphas_cumprod', 'sqrt_recip_alphas_cumprod', 'sqrt_recipm1_alphas_cumprod', 'posterior_variance',
    'posterior_log_variance_clipped', 'posterior_mean_coef1', 'posterior_mean_coef2', 'lvlb_weights', 'logvar',
    'scale_factor'}

Weights = Mapping[str, Tensor]


def generator_weights(checkpoint: Weights, ema: bool = True) -> dict[str, Tensor]:
    """Weights of a `LayoutGenerator` made of the published parts, from the `state_dict` of a public checkpoint.

    Args:
        checkpoint: the original names.
        ema: the UNet's running average, the one to use for inference. The other parts have none.

    Raises:
        WeightsMismatch: the checkpoint lacks a part, or holds weights that the published parts do not have.
    """
    parts = {'table': token_table_weights(checkpoint), 'condition': token_transformer_weights(checkpoint),
             'denoiser': unet_weights(checkpoint, ema), 'first_stage': first_stage_weights(checkpoint)}
    _require_known(checkpoint)
    return {f'{part}.{key}': value for part, weights in parts.items() for key, value in weights.items()}


def require_schedule(checkpoint: Weights, schedule: NoiseSchedule) -> None:
    """The schedule that a checkpoint was trained with, where it says so, must be the config's.

    Raises:
        WeightsMismatch: it is not.
    """
    trained, ours = checkpoint.get('alphas_cumprod'), schedule.alphas_cumprod.float()
    if trained is not None and (trained.shape != ours.shape or not torch.allclose(trained.float(), ours, atol=1e-6)):
        raise WeightsMismatch('The checkpoint was trained with another noise schedule (alphas_cumprod) than its '
                              'description gives: they do not belong together.')


def unet_weights(checkpoint: Weights, ema: bool = True) -> dict[str, Tensor]:
    """Weights of `SpatialTransformerUNet`; see `generator_weights`."""
    source = _part(checkpoint, UNET)
    if ema:
        averaged = {key: _averaged(key) for key in source}
        missing = [key for key in averaged.values() if key not in checkpoint]
        if missing:
            raise WeightsMismatch(f'The checkpoint lacks {len(missing)} of {len(averaged)} averaged weights (such as '
                                  f"'{missing[0]}'): use ema=False to take the raw ones.")
        source = {key: checkpoint[name] for key, name in averaged.items()}
    # Input block 0 is a convolution; residual blocks follow until a downsampling, which is a block of its own.
    last = max(_numbers(source, r'input_blocks\.(\d+)\.'), default=0)
    layers = min(_numbers(source, r'input_blocks\.(\d+)\.0\.op\.'), default=last + 1) - 1

    def convert(weights: Weights) -> dict[str, Tensor]:
        converted = convert_ldm_unet_checkpoint(
            {UNET + key: value for key, value in weights.items()}, dict(layers_per_block=layers))
        return {f'unet.{key}': value for key, value in converted.items()}
    return _complete(convert, source, UNET)


def first_stage_weights(checkpoint: Weights) -> dict[str, Tensor]:
    """Weights of `VQFirstStage`; see `generator_weights`."""
    source = _part(checkpoint, FIRST_STAGE)
    levels = 1 + max(_numbers(source, r'encoder\.down\.(\d+)\.'), default=0)

    def convert(weights: Weights) -> dict[str, Tensor]:
        converted = convert_ldm_vae_checkpoint(
            {FIRST_STAGE + key: value for key, value in weights.items()},
            dict(down_block_types=[None] * levels, up_block_types=[None] * levels))
        converted |= {CODEBOOK: weights[CODEBOOK]} if CODEBOOK in weights else {}
        return {f'autoencoder.{key}': value for key, value in converted.items()}
    return _complete(convert, source, FIRST_STAGE)


def token_table_weights(checkpoint: Weights) -> dict[str, Tensor]:
    """Weights of `TokenTable`; see `generator_weights`."""
    return {'weight': _part(checkpoint, TRANSFORMER + 'token_emb.')['weight']}


def token_transformer_weights(checkpoint: Weights) -> dict[str, Tensor]:
    """Weights of `TokenTransformer`; see `generator_weights`."""
    source = {key: value for key, value in _part(checkpoint, TRANSFORMER).items()
              if key != 'token_emb.weight' and not key.startswith('to_logits.')}
    return {_transformer_key(key): value for key, value in source.items()}


def _transformer_key(key: str) -> str:
    """Original layers are alternately an attention and an MLP, each a pair (norm, module)."""
    if key == 'pos_emb.emb.weight':
        return 'positions'
    match = re.fullmatch(r'attn_layers\.layers\.(\d+)\.([01])\.(.+)', key)
    if not match:
        return key
    number, is_module, rest = int(match[1]), match[2] == '1', match[3]
    part = 'mlp' if number % 2 else 'attention'
    if is_module and part == 'mlp':
        rest = rest.replace('net.0.0.', '0.').replace('net.2.', '2.')
    return f'layers.{number // 2}.{part}{"" if is_module else "_norm"}.{rest}'


def _part(checkpoint: Weights, prefix: str) -> dict[str, Tensor]:
    part = {key[len(prefix):]: value for key, value in checkpoint.items() if key.startswith(prefix)}
    if not part:
        raise WeightsMismatch(f"No key of the checkpoint begins with '{prefix}': give the `state_dict` of a public "
                              'layout-to-image checkpoint.')
    return part


def _numbers(keys: Weights, pattern: str) -> set[int]:
    return {int(match[1]) for match in map(re.compile(pattern).match, keys) if match}


def _averaged(key: str) -> str:
    """Name of the running average of a weight of the UNet."""
    return f'{EMA}diffusion_model{key.replace(".", "")}'


def _require_known(checkpoint: Weights) -> None:
    """No keys but those of the parts and of what `UNUSED` names."""
    known = UNUSED | {_averaged(key.removeprefix(UNET)) for key in checkpoint if key.startswith(UNET)}
    unknown = [key for key in checkpoint if key not in known and not key.startswith((UNET, FIRST_STAGE, TRANSFORMER))]
    alone = [key for key in unknown if key.startswith(EMA)]
    if alone:
        raise WeightsMismatch(f"The checkpoint lacks the raw weights of {len(alone)} averaged ones (such as "
                              f"'{alone[0]}').")
    _require_none(unknown)


def _complete(convert: Callable[[Weights], dict[str, Tensor]], source: Weights, prefix: str) -> dict[str, Tensor]:
    """`convert` by diffusers, which leaves out what it does not know; that must not pass silently."""
    try:
        converted = {key: value for key, value in convert(source).items() if value is not None}
    except KeyError as error:
        raise WeightsMismatch(f"The checkpoint lacks '{prefix}{error.args[0]}'.") from None
    if len(converted) < len(source):
        # Values that say which name they came from tell what has a place.
        numbers = convert({key: torch.full((1, 1, 1, 1), number) for number, key in enumerate(source)})
        placed = {int(number.flatten()[0]) for number in numbers.values() if number is not None}
        _require_none([prefix + key for number, key in enumerate(source) if number not in placed])
    return converted


def _require_none(unexpected: list[str]) -> None:
    if unexpected:
        listed = ', '.join(unexpected[:3]) + (', ...' if len(unexpected) > 3 else '')
        raise WeightsMismatch(f'{len(unexpected)} keys of the checkpoint have no place ({listed}): this is not the '
                              'network that was published for layouts.')
