"""The paper's protocol, as far as it can be read without the files that it needs."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

CONFIGS = Path(__file__).resolve().parents[2] / 'configs/dive_cls'
VAE = dict(block_out_channels=(32,) * 4, down_block_types=('DownEncoderBlock2D',) * 4,
           up_block_types=('UpDecoderBlock2D',) * 4, norm_num_groups=8, layers_per_block=1)


@pytest.mark.parametrize('size', [256, 512])
def test_protocol(size):
    """The first stage and the depth replaced by smaller ones, everything is as published."""
    config = Config.fromfile(CONFIGS / f'dit-xl-2_{size}_imagenet.py')
    config.model.backbone.first_stage = dict(type='dive_mmdet.KLFirstStage', model=VAE)
    assert config.model.backbone.denoiser.num_layers == 28
    config.model.backbone.denoiser.num_layers = 1
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(config.model)
    bank = model.likelihood.bank
    assert sorted(bank.timesteps.tolist()) == list(range(2, 1000, 4))
    assert torch.equal(bank.noise, torch.randn(250, 4, size // 8, size // 8,
                                               generator=torch.Generator().manual_seed(42)))
    assert tuple(model.backbone.latent_shape) == (4, size // 8, size // 8)
    assert model.backbone.table.weight.shape == (1001, 1152)
    inverter = model.inverter
    assert (inverter.loops, inverter.pairs_per_step, inverter.lr, inverter.weight_decay) == (20, 25, 1e-2, 0.01)
    assert (inverter.candidates, inverter.patience, inverter.max_nfe) == (0, None, None)
    assert model.backbone.first_stage.scale_factor == 0.18215
    assert config.test_dataloader.dataset.pipeline[1].size == size
    with torch.no_grad():
        assert model.backbone.encode(torch.zeros(1, 3, size, size)).shape[1:] == model.backbone.latent_shape
