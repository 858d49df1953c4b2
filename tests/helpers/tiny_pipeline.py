"""Public pipelines in diffusers' format, as small as they get; their weights are the same on every machine."""
import json
from zlib import crc32

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import save_file

SIDE = 8  # of the latents, whose images have 16 pixels a side
# GLIGEN as of Stable Diffusion 1, and iGLIGEN as of 2, which has other heads, a wider context and predicts v.
KINDS = dict(gligen=dict(width=32),
             igligen=dict(width=64, prediction_type='v_prediction', use_linear_projection=True,
                          attention_head_dim=(2, 4)))


def unet(width=32, attention_type='gated', **others):
    return filled(UNet2DConditionModel(**{**dict(
        sample_size=SIDE, block_out_channels=(16, 32), layers_per_block=1, norm_num_groups=8, attention_head_dim=4,
        down_block_types=('DownBlock2D', 'CrossAttnDownBlock2D'), up_block_types=('CrossAttnUpBlock2D', 'UpBlock2D'),
        cross_attention_dim=width, attention_type=attention_type), **others}))


def autoencoder():
    return filled(AutoencoderKL(down_block_types=['DownEncoderBlock2D'] * 2, up_block_types=['UpDecoderBlock2D'] * 2,
                                block_out_channels=[16, 16], layers_per_block=1, latent_channels=4, norm_num_groups=8))


def scheduler(prediction_type='epsilon'):
    """That of Stable Diffusion."""
    return DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule='scaled_linear', clip_sample=False,
                         set_alpha_to_one=False, steps_offset=1, prediction_type=prediction_type)


def filled(network):
    """Nothing is left at zero, as gates and null features begin, under which no test would notice them."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            draws = np.random.RandomState(crc32(name.removeprefix('text_model.').encode()))
            values = torch.from_numpy(draws.standard_normal(tuple(parameter.shape))).float()
            if parameter.dim() > 1 and 'embedding' not in name:
                values = values / parameter[0].numel() ** 0.5
            parameter.copy_(1 + 0.1 * values if 'norm' in name and name.endswith('weight') else values)
    return network.eval().requires_grad_(False)


def parts(width=32, attention_type='gated', prediction_type='epsilon', **of_unet):
    """What a converter reads."""
    return dict(unet=unet(width, attention_type, **of_unet), vae=autoencoder(), scheduler=scheduler(prediction_type))


def save(made, folder):
    """As `DiffusionPipeline.save_pretrained` writes them."""
    for name, part in made.items():
        part.save_pretrained(folder / name)
    return folder


def save_text_encoder(recorded, folder):
    """As transformers writes it, from what tests/helpers/record_pipelines.py recorded of one."""
    folder.mkdir(parents=True)
    (folder / 'config.json').write_text(json.dumps(recorded['config']))
    save_file(recorded['state_dict'], folder / 'model.safetensors')
