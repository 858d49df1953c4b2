"""First stages: between images in [-1, 1] and the latents in which diffusion runs."""
from pathlib import Path

import torch
from diffusers import AutoencoderKL, VQModel
from torch import Tensor, nn

from dive_mmdet.registry import MODELS

from .published.autoencoder_file import read_autoencoder


@MODELS.register_module()
class IdentityFirstStage(nn.Module):
    """Pixel space.

    Args:
        channels: 3, or 1 to average the colours of the input into grey.
    """

    def __init__(self, channels: int = 3):
        super().__init__()
        if channels not in (1, 3):
            raise ValueError(f'Pixel space has 1 or 3 channels, not {channels}.')
        self.channels = channels

    def encode(self, images: Tensor) -> Tensor:
        """(B, 3 or 1, H, W) -> (B, channels, H, W).

        Raises:
            ValueError: neither one nor three channels.
        """
        if images.shape[1] not in (1, 3):
            raise ValueError(f'Images must have 1 or 3 channels, not {images.shape[1]}.')
        if self.channels == 1:
            return images.mean(dim=1, keepdim=True)
        return images.expand(-1, 3, -1, -1)

    def decode(self, latents: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, 3, H, W)."""
        return latents.expand(-1, 3, -1, -1)


@MODELS.register_module()
class KLFirstStage(nn.Module):
    """diffusers' AutoencoderKL; latents are the posterior mean times a factor.

    Args:
        model: constructor arguments of `AutoencoderKL`, or
        pretrained: a directory in diffusers' format, or a file under the original names, see `read_autoencoder`.
        scale_factor: 0.18215 for the public Stable Diffusion autoencoders.

    Raises:
        FileNotFoundError: nothing lies at `pretrained`.
    """
    network = AutoencoderKL

    def __init__(self, model: dict | None = None, pretrained: str | None = None, scale_factor: float = 0.18215):
        super().__init__()
        self.scale_factor = scale_factor
        self.autoencoder = load_autoencoder(self.network, model, pretrained)

    def encode(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> (B, c, H / f, W / f).

        Raises:
            ValueError: another number of channels.
        """
        if images.shape[1] != self.autoencoder.config.in_channels:
            raise ValueError(f'Images must have {self.autoencoder.config.in_channels} channels, not '
                             f'{images.shape[1]}.')
        return self.autoencoder.encode(images).latent_dist.mean * self.scale_factor

    def decode(self, latents: Tensor) -> Tensor:
        """(B, c, h, w) -> (B, 3, h f, w f) in about [-1, 1]."""
        return self.autoencoder.decode(latents / self.scale_factor).sample


@MODELS.register_module()
class VQFirstStage(KLFirstStage):
    """diffusers' VQModel as the layout models use it: encoding skips the codebook, decoding goes through it.

    Args:
        model: constructor arguments of `VQModel`, or
        pretrained: a directory in diffusers' format, or a file under the original names.
        scale_factor: 1.0 in the layout-to-image release.
    """
    network = VQModel

    def __init__(self, model: dict | None = None, pretrained: str | None = None, scale_factor: float = 1.0):
        super().__init__(model, pretrained, scale_factor)

    def encode(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> (B, c, H / f, W / f), not quantised."""
        return self.autoencoder.encode(images).latents * self.scale_factor


def load_autoencoder(network: type, model: dict | None, pretrained: str | None) -> nn.Module:
    """Build a diffusers autoencoder from arguments, or load it from a local directory or file."""
    if (model is None) == (pretrained is None):
        raise ValueError('A first stage needs either model=dict(...) or pretrained=PATH.')
    if pretrained is None:
        return network(**model)
    path = Path(pretrained)
    if not path.exists():
        raise FileNotFoundError(f'No first stage at {path}: put a diffusers {network.__name__} directory there.')
    if path.is_dir():
        return network.from_pretrained(path, torch_dtype=torch.float32, local_files_only=True)
    arguments, weights = read_autoencoder(path, quantised=network is VQModel)
    autoencoder = network(**arguments)
    autoencoder.load_state_dict(weights)
    return autoencoder
