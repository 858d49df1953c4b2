"""Configs of what was made of Stable Diffusion: published sizes, built without memory, and the rest built small."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = [path for part in ('dive/gligen', 'dive_cls') for path in sorted((ROOT / 'configs' / part).glob('*.py'))
           if 'gligen' in path.stem or 'stable-diffusion' in path.stem]
SMALL = dict(first_stage=dict(model=dict(block_out_channels=[32] * 4, layers_per_block=1)),
             denoiser=dict(model=dict(block_out_channels=[32, 32, 32, 32], layers_per_block=1, attention_head_dim=4)))


def build(config):
    with DefaultScope.overwrite_default_scope('mmdet' if config.type == 'DIVEDetector' else 'mmpretrain'):
        return MODELS.build(config)


def test_there_are_all():
    assert len(CONFIGS) == 4


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_builds_with_a_smaller_network(path):
    config = Config.fromfile(path)
    width = config.model.backbone.denoiser.model.cross_attention_dim
    config.merge_from_dict(dict(model=dict(backbone=SMALL)))
    model = build(config.model)
    generator = model.backbone
    assert tuple(generator.latent_shape) == (4, 64, 64) and generator.denoiser.context_dim == width
    assert generator.denoiser.takes_boxes == ('gligen' in path.stem)
    resized = [step for step in config.test_dataloader.dataset.pipeline if step.type in (
        'Resize', 'dive_mmdet.HalvingCenterCrop')][0]
    assert (resized.get('scale') or [resized.get('size')])[0] == 512
    rows = generator.embed(torch.zeros(1, generator.vocabulary.length, dtype=torch.long))
    context = generator.condition(rows)
    assert (context if isinstance(context, torch.Tensor) else context.caption).shape == (1, 77, width)


@pytest.mark.parametrize('name, unet, millions', [
    ('1', 'stable_diffusion_1_unet', 860), ('2', 'stable_diffusion_2_unet', 866)])
def test_the_published_sizes(name, unet, millions):
    """Of the UNets as their model cards give them; the autoencoder has 84 million."""
    parts = Config.fromfile(ROOT / 'configs/_base_/models/stable_diffusion_512.py')
    with torch.device('meta'), DefaultScope.overwrite_default_scope('dive_mmdet'):
        denoiser = MODELS.build(dict(type='dive_mmdet.DiffusersUNet', model=parts[unet]))
        first_stage = MODELS.build(parts.stable_diffusion_first_stage)
    counts = [sum(parameter.numel() for parameter in part.parameters()) / 1e6 for part in (denoiser, first_stage)]
    assert [round(count) for count in counts] == [millions, 84]


def test_the_names_of_coco_stand_in_the_order_of_its_labels():
    names = (ROOT / 'configs/_base_/categories/coco.txt').read_text().splitlines()
    assert tuple(names) == Config.fromfile(CONFIGS[0]).classes and len(names) == 80


def test_the_classifier_counts_as_published():
    """1,000 x 50 + 500 x 50 + 50 x 400 + 10 x 500 evaluations an image."""
    model = Config.fromfile(ROOT / 'configs/dive_cls/stable-diffusion-2_imagenet.py').model
    inverter = MODELS.build(dict(model.inverter))
    assert inverter.most_nfe(model.objective.num_pairs, 1000) == 50_000 + 25_000 + 20_000 + 5_000
