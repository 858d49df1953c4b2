"""The YAML of a public layout-to-image model (latent diffusion) -> the config of a `LayoutGenerator`."""
from collections.abc import Mapping, Sequence
from typing import Any

from dive_mmdet.layout.vocabulary import TOKENS_PER_OBJECT


class UnsupportedModel(ValueError):
    """A YAML that describes another network than the published one."""


def generator_config(values: Mapping[str, Any], num_classes: int, num_heads: int | Sequence[int] = 1,
                     use_group: bool = False, use_additional: bool = False) -> dict[str, Any]:
    """Config of the generator that a YAML describes, at any size.

    Args:
        values: of the YAML.
        num_classes: categories of the layouts; the YAML does not say.
        num_heads: of every attention of the UNet, or of each level. One, whatever `num_head_channels` says: the code of
            the release ignored it, and another split of the heads loads silently and computes nonsense.
        use_group, use_additional: modifiers of the class ids, see `LayoutVocabulary`.

    Raises:
        UnsupportedModel: a part is missing or is not the published one.
    """
    params = _get(values, 'model.params')
    unet, stage, condition = (_get(params, f'{part}.params') for part in
                              ('unet_config', 'first_stage_config', 'cond_stage_config'))
    length = _get(condition, 'max_seq_len')
    num_objects, rest = divmod(length, TOKENS_PER_OBJECT)
    if rest == 1:
        raise UnsupportedModel(f'A sequence of {length} tokens is neither whole objects nor those and a crop.')
    vocabulary = dict(num_classes=num_classes, num_objects=num_objects, num_tokens=_get(condition, 'vocab_size'),
                      shared_ids=True, encode_crop=rest == 2, use_group=use_group, use_additional=use_additional)
    width = _get(condition, 'n_embed')
    return dict(
        type='dive_mmdet.LayoutGenerator', vocabulary=vocabulary, table=dict(dim=width),
        first_stage=dict(type='dive_mmdet.VQFirstStage', model=_autoencoder(stage),
                         scale_factor=float(params.get('scale_factor', 1.0))),
        schedule=dict(type='dive_mmdet.NoiseSchedule', schedule='scaled_linear',
                      num_steps=params.get('timesteps', 1000), beta_start=params.get('linear_start', 1e-4),
                      beta_end=params.get('linear_end', 2e-2)),
        condition=dict(type='dive_mmdet.TokenTransformer', row_dim=width, length=length,
                       num_layers=_get(condition, 'n_layer')),
        denoiser=_unet(unet, num_heads),
        prediction_type=_choice(params, 'parameterization', {'eps': 'epsilon', 'x0': 'sample'}, 'eps'))


def _unet(params: Mapping[str, Any], num_heads: int | Sequence[int]) -> dict[str, Any]:
    _require(params, 'use_spatial_transformer', True)
    channels = _get(params, 'in_channels')
    _require(params, 'out_channels', channels)
    multipliers = _multipliers(params, 'channel_mult')
    factors = [2 ** level for level in range(len(multipliers))]
    return dict(type='dive_mmdet.SpatialTransformerUNet', sample_size=_get(params, 'image_size'), channels=channels,
                base_channels=_get(params, 'model_channels'), channel_mult=multipliers,
                num_res_blocks=_get(params, 'num_res_blocks'),
                # The original compares them with each level's factor, so others mean nothing.
                attention_downsampling=sorted(set(_get(params, 'attention_resolutions')) & set(factors)),
                transformer_depth=params.get('transformer_depth', 1), context_dim=_get(params, 'context_dim'),
                num_heads=num_heads)


def _autoencoder(params: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of diffusers' VQModel."""
    details = _get(params, 'ddconfig')
    _require(details, 'attn_resolutions', [])
    _require(details, 'double_z', False)
    widths = [_get(details, 'ch') * factor for factor in _multipliers(details, 'ch_mult')]
    return dict(in_channels=_get(details, 'in_channels'), out_channels=_get(details, 'out_ch'),
                down_block_types=['DownEncoderBlock2D'] * len(widths),
                up_block_types=['UpDecoderBlock2D'] * len(widths),
                block_out_channels=widths, layers_per_block=_get(details, 'num_res_blocks'),
                latent_channels=_get(details, 'z_channels'), vq_embed_dim=_get(params, 'embed_dim'),
                num_vq_embeddings=_get(params, 'n_embed'))


def _multipliers(params: Mapping[str, Any], key: str) -> list[int]:
    """Widths of the levels; the originals begin with the base width even where the first level has another."""
    found = list(_get(params, key))
    if found[:1] != [1]:
        raise UnsupportedModel(f'The YAML says {key}: {found}, and diffusers, which computes the network here, can '
                               'only begin with a multiplier of 1: this network is not supported.')
    return found


def _get(values: Mapping[str, Any], path: str) -> Any:
    for step in path.split('.'):
        if not isinstance(values, Mapping) or step not in values:
            raise UnsupportedModel(f"The YAML has no '{path}': give the configuration of a layout-to-image model that "
                                   'belongs to the checkpoint.')
        values = values[step]
    return values


def _require(values: Mapping[str, Any], key: str, expected: Any) -> None:
    found = _get(values, key)
    if found != expected:
        raise UnsupportedModel(f'The YAML says {key}: {found}, and the published layout model has {expected}: this '
                               'network is not supported.')


def _choice(values: Mapping[str, Any], key: str, names: Mapping[str, str], default: str) -> str:
    found = values.get(key, default)
    if found not in names:
        raise UnsupportedModel(f"The YAML says {key}: {found}; known are {', '.join(names)}.")
    return names[found]
