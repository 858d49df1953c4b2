"""Public DiT checkpoints (facebookresearch/DiT) -> the config and the weights of a `ClassGenerator`."""
from collections.abc import Mapping
from math import isqrt
from typing import Any

from torch import Tensor

from dive_mmdet.checkpoints.loading import WeightsMismatch

TABLE = 'y_embedder.embedding_table.weight'
SIZES = {'x_embedder.proj.weight', 'pos_embed', 'final_layer.linear.weight', 'blocks.0.mlp.fc1.weight', TABLE}
# Heads by (width, layers), since no weight tells: DiT-S, B, L and XL of `models.py`.
HEADS = {(384, 12): 6, (768, 12): 12, (1024, 24): 16, (1152, 28): 16}


def averaged(checkpoint: Mapping[str, Any]) -> Mapping[str, Tensor]:
    """The weights of a released file, which are bare, or of a training file, which keeps the averaged ones as `ema`."""
    return checkpoint.get('ema', checkpoint)


def generator_config(weights: Mapping[str, Tensor], first_stage: dict[str, Any],
                     num_heads: int | None = None) -> dict[str, Any]:
    """Config of the generator whose weights these are.

    Args:
        weights: under the public names.
        first_stage: its config, which the checkpoint does not hold.
        num_heads: of the transformer; by default as in the DiT of that width and depth.

    Raises:
        WeightsMismatch: weights that give the sizes are missing, or the head count is unknown.
    """
    missing = sorted(SIZES - set(weights))
    if missing:
        raise WeightsMismatch(f"The checkpoint lacks '{missing[0]}': give a public DiT checkpoint.")
    width, channels, patch, _ = weights['x_embedder.proj.weight'].shape
    layers = 1 + max(int(key.split('.')[1]) for key in weights if key.startswith('blocks.'))
    heads = num_heads or HEADS.get((width, layers))
    if heads is None:
        raise WeightsMismatch(f'No published DiT is {width} wide and {layers} layers deep, so how many heads it has '
                              'must be said: give num_heads.')
    return dict(
        type='dive_mmdet.ClassGenerator', num_classes=len(weights[TABLE]) - 1, row_dim=width, first_stage=first_stage,
        schedule=dict(type='dive_mmdet.NoiseSchedule', schedule='linear', beta_start=1e-4, beta_end=2e-2),
        denoiser=dict(
            type='dive_mmdet.DiT', sample_size=isqrt(weights['pos_embed'].shape[1]) * patch, channels=channels,
            patch_size=patch, width=width, num_layers=layers, num_heads=heads,
            mlp_ratio=len(weights['blocks.0.mlp.fc1.weight']) / width,
            learn_sigma=len(weights['final_layer.linear.weight']) == 2 * channels * patch ** 2),
        prediction_type='epsilon')


def generator_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of table and denoiser; the first stage has none in the checkpoint."""
    return {'table.weight' if key == TABLE else f'denoiser.{key}': value for key, value in weights.items()}
