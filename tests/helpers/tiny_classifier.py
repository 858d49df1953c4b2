"""A classifier small enough to test everything around it."""
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS
from torch import nn

INVERTERS = {
    'gradient': dict(type='dive_mmdet.GradientInverter', loops=2, pairs_per_step=2),
    'exhaustive': dict(type='dive_mmdet.ExhaustiveEnumeration'),
    'adaptive': dict(type='dive_mmdet.AdaptiveEnumeration', race=dict(pairs=[2], keep=[3])),
}


def config(inverter='exhaustive'):
    return Config(dict(custom_hooks=[dict(type='dive_mmdet.InversionHook')], model=dict(
        type='DIVEClassifier', _scope_='dive_mmdet', inverter=INVERTERS[inverter], objective=dict(num_pairs=4),
        data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3),
        backbone=dict(
            type='dive_mmdet.ClassGenerator', num_classes=5, row_dim=16,
            first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=1),
            schedule=dict(type='dive_mmdet.NoiseSchedule'),
            denoiser=dict(type='dive_mmdet.DiT', sample_size=8, channels=1, patch_size=2, width=16, num_layers=1,
                          num_heads=2)),
        head=dict(type='dive_mmdet.ClassHead'))))


def build(inverter='exhaustive'):
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MMPRETRAIN_MODELS.build(config(inverter).model)
    for parameter in model.backbone.denoiser.parameters():  # many start at zero
        if not parameter.any():
            nn.init.normal_(parameter, std=0.3)
    nn.init.normal_(model.backbone.table.weight)
    return model.eval()


def images(count=3):
    pixels = torch.randint(256, (count, 1, 8, 8), generator=torch.Generator().manual_seed(1))
    return (pixels.expand(-1, 3, -1, -1) / 127.5 - 1).float()
