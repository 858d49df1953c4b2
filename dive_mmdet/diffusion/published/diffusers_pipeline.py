"""What the generators made of Stable Diffusion have in common: first stage, schedule and UNet of a public pipeline."""
import json
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from dive_mmdet.checkpoints.untrusted import UnreadableCheckpoint

from .autoencoder_file import read_autoencoder
from .diffusers_parts import autoencoder_arguments, autoencoder_weights, read_part, unet_arguments

PARTS = ('unet', 'vae', 'scheduler')


class Network(NamedTuple):
    """Of a pipeline, all but what turns a condition into a context.

    Attributes:
        file: that holds the UNet's weights.
        config: arguments `first_stage`, `schedule`, `denoiser` and `prediction_type` of a generator.
        weights: under the generator's names.
    """
    file: Path
    config: dict[str, Any]
    weights: dict[str, Tensor]

    @property
    def takes_boxes(self) -> bool:
        """Has the UNet gates?"""
        return self.config['denoiser']['model'].get('attention_type') == 'gated'


def part_folders(source: Path, given: dict[str, Path | None]) -> dict[str, Path]:
    """Where each of `PARTS` lies: where `given` says, or in a pipeline's directory; a UNet's own stands for its UNet.

    Raises:
        FileNotFoundError: nothing says where a part lies.
    """
    found = {}
    for name in PARTS:
        inside = source if name == 'unet' and (source / 'config.json').is_file() else source / name
        path = given.get(name) or inside
        if not path.exists():
            raise FileNotFoundError(f"{path} is missing: give a pipeline's directory in diffusers' format, or the "
                                    f"directory by --{name.replace('_', '-')}.")
        found[name] = path
    return found


def read_network(folders: dict[str, Path]) -> Network:
    """First stage, schedule and UNet.

    Raises:
        FileNotFoundError, UnreadableCheckpoint: a part is missing, damaged, or something else.
    """
    unet = read_part(folders['unet'], ('UNet2DConditionModel',))
    first_stage, of_first_stage = _first_stage(folders['vae'])
    schedule, prediction_type = read_schedule(folders['scheduler'] / 'scheduler_config.json')
    config = dict(
        first_stage=first_stage, schedule=schedule, prediction_type=prediction_type,
        denoiser=dict(type='dive_mmdet.DiffusersUNet', model=unet_arguments(unet.config)))
    weights = {f'denoiser.unet.{name}': value for name, value in unet.weights.items()}
    return Network(unet.file, config, weights | of_first_stage)


def read_schedule(path: Path) -> tuple[dict[str, Any], str]:
    """Config of the noise schedule, and what the UNet predicts.

    Raises:
        FileNotFoundError: there is no such file.
        UnreadableCheckpoint: the schedule is none that is known here.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path} is missing: it says what noise the UNet was trained with.')
    config = json.loads(path.read_text())
    names = ('beta_schedule', 'num_train_timesteps', 'beta_start', 'beta_end')
    missing = [name for name in names if name not in config]
    unlike = [name for name in ('trained_betas', 'rescale_betas_zero_snr') if config.get(name)]
    if missing or unlike:
        raise UnreadableCheckpoint(f'{path} {"lacks" if missing else "sets"} `{(missing or unlike)[0]}`, and betas are '
                                   'computed from a beta_schedule, its ends and its length alone.')
    schedule, steps, start, end = (config[name] for name in names)
    return dict(type='dive_mmdet.NoiseSchedule', schedule=schedule, num_steps=steps, beta_start=start,
                beta_end=end), config.get('prediction_type', 'epsilon')


def _first_stage(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if folder.is_file():
        arguments, weights = read_autoencoder(folder, quantised=False)
        scale_factor = 0.18215
    else:
        part = read_part(folder, ('AutoencoderKL',))
        arguments, scale_factor = autoencoder_arguments(part.config)
        weights = autoencoder_weights(part.weights)
    return (dict(type='dive_mmdet.KLFirstStage', model=arguments, scale_factor=scale_factor),
            {f'first_stage.autoencoder.{name}': value for name, value in weights.items()})
