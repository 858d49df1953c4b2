"""Configs of what was made of Stable Diffusion: published sizes, built without memory, and the rest built small."""
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

ROOT = Path(__file__).resolve().parents[2]
PARTS = ('dive/gligen', 'dive/geodiffusion', 'dive_cls')
CONFIGS = [path for part in PARTS for path in sorted((ROOT / 'configs' / part).glob('*.py'))
           if 'dive_cls' not in path.parts or 'stable-diffusion' in path.stem]
SMALL = dict(first_stage=dict(model=dict(block_out_channels=[32] * 4, layers_per_block=1)),
             denoiser=dict(model=dict(block_out_channels=[32, 32, 32, 32], layers_per_block=1, attention_head_dim=4)))


def build(config):
    with DefaultScope.overwrite_default_scope('mmdet' if config.type == 'DIVEDetector' else 'mmpretrain'):
        return MODELS.build(config)


def test_there_are_all():
    assert len(CONFIGS) == 8


@pytest.fixture(autouse=True)
def names(tmp_path, monkeypatch):
    (tmp_path / 'names.txt').write_text('forklift\npallet\n\nhard hat\n')
    monkeypatch.setenv('NAMES', str(tmp_path / 'names.txt'))


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_builds_with_a_smaller_network(path):
    config = Config.fromfile(path)
    width = config.model.backbone.denoiser.model.cross_attention_dim
    config.merge_from_dict(dict(model=dict(backbone=SMALL)))
    model = build(config.model)
    generator = model.backbone
    size = 256 if '256' in path.stem else 512
    assert tuple(generator.latent_shape) == (4, size // 8, size // 8) and generator.denoiser.context_dim == width
    assert generator.denoiser.takes_boxes == ('gligen' in path.stem)
    resized = [step for step in config.test_dataloader.dataset.pipeline if step.type in (
        'Resize', 'dive_mmdet.HalvingCenterCrop')][0]
    assert (resized.get('scale') or [resized.get('size')])[0] == size
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


def test_a_list_of_names_is_all_that_another_vocabulary_needs():
    config = Config.fromfile(ROOT / 'configs/dive/gligen/dive_gligen_names.py')
    assert config.classes == ('forklift', 'pallet', 'hard hat')
    for part in (config.test_dataloader.dataset, config.val_dataloader.dataset):
        assert part.metainfo.classes == config.classes and part.num_classes == 3
    assert config.model.backbone.vocabulary.num_classes == 3 and config.test_evaluator.ann_file.endswith(
        config.test_dataloader.dataset.ann_file)


def test_images_of_cifar_reach_the_generator_upright_and_in_their_colours():
    """They lie in memory, RGB; mmpretrain's own data set says so."""
    config = Config.fromfile(ROOT / 'configs/dive_cls/stable-diffusion-2_cifar10.py')
    image = np.zeros((32, 32, 3), np.uint8)
    image[:16, :, 0] = 255
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        from mmpretrain.registry import MODELS as OF_CLASSIFIERS
        from mmpretrain.registry import TRANSFORMS
        packed = dict(img=image, gt_label=3)
        for step in config.test_dataloader.dataset.pipeline:
            packed = TRANSFORMS.build(step)(packed)
        data = OF_CLASSIFIERS.build(config.model.data_preprocessor)(
            dict(inputs=[packed['inputs']], data_samples=[packed['data_samples']]))
    assert data['inputs'].shape == (1, 3, 512, 512) and int(data['data_samples'][0].gt_label) == 3
    torch.testing.assert_close(data['inputs'][0, :, 100, 100], torch.tensor([1.0, -1.0, -1.0]))
    torch.testing.assert_close(data['inputs'][0, :, 400, 100], torch.tensor([-1.0, -1.0, -1.0]))


def test_the_classifier_counts_as_published():
    """1,000 x 50 + 500 x 50 + 50 x 400 + 10 x 500 evaluations an image."""
    model = Config.fromfile(ROOT / 'configs/dive_cls/stable-diffusion-2_imagenet.py').model
    inverter = MODELS.build(dict(model.inverter))
    assert inverter.most_nfe(model.objective.num_pairs, 1000) == 50_000 + 25_000 + 20_000 + 5_000
