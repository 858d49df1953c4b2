"""The configs of the published layout model build at full size; what is large is built without memory."""
from pathlib import Path

import mmdet.models  # noqa: F401
import pytest
import torch
import yaml
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

import dive_mmdet  # noqa: F401
from dive_mmdet.diffusion.published.ldm_config import generator_config

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted(path for path in (ROOT / 'configs').rglob('*layout2img*.py') if '_base_' not in path.parts)
PUBLISHED = """
model:
  params:
    linear_start: 0.0015
    linear_end: 0.0205
    timesteps: 1000
    loss_type: l1
    unet_config:
      params: {image_size: 64, in_channels: 3, out_channels: 3, model_channels: 128, attention_resolutions: [8, 4, 2],
               num_res_blocks: 2, channel_mult: [1, 2, 3, 4], num_head_channels: 32, use_spatial_transformer: true,
               transformer_depth: 3, context_dim: 512}
    first_stage_config:
      params:
        embed_dim: 3
        n_embed: 8192
        ddconfig: {double_z: false, z_channels: 3, resolution: 256, in_channels: 3, out_ch: 3, ch: 128,
                   ch_mult: [1, 2, 4], num_res_blocks: 2, attn_resolutions: [], dropout: 0.0}
    cond_stage_config:
      params: {n_embed: 512, n_layer: 16, vocab_size: 8192, max_seq_len: 92, use_tokenizer: false}
"""  # values of the public models/ldm/layout2img-openimages256/config.yaml


def build(config):
    with DefaultScope.overwrite_default_scope('mmdet'):
        return MODELS.build(config)


def test_the_generator_is_the_one_that_the_converter_writes():
    config = Config.fromfile(ROOT / 'configs/_base_/models/layout2img_256.py')
    converted = generator_config(yaml.safe_load(PUBLISHED), num_classes=340, use_group=True, use_additional=True)
    assert config.generator.to_dict() == converted


def test_training_on_measures_errors_as_the_release_did():
    training = Config.fromfile(ROOT / 'configs/generator/layout2img_coco.py').model
    assert training.loss.norm == yaml.safe_load(PUBLISHED)['model']['params']['loss_type']


def test_the_released_size():
    """301 million parameters of UNet and layout encoder (with its table), and the first stage; nothing is allocated."""
    config = Config.fromfile(ROOT / 'configs/_base_/models/layout2img_256.py')
    with torch.device('meta'):
        generator = build(config.generator)
    count = {name: sum(parameter.numel() for parameter in part.parameters()) / 1e6
             for name, part in generator.named_children()}
    assert round(count['denoiser'] + count['condition'] + count['table']) == 301
    assert round(count['first_stage']) == 55


@pytest.mark.parametrize('path', [path for path in CONFIGS if path.parent.name != 'prior'], ids=lambda path: path.stem)
def test_config_builds_with_fewer_layers(path):
    """The rest of the config is as it is; the released size is built above."""
    config = Config.fromfile(path)
    small = dict(condition=dict(num_layers=1), first_stage=dict(model=dict(block_out_channels=[32] * 3)),
                 denoiser=dict(base_channels=32, channel_mult=[1, 1, 1, 1], num_res_blocks=1, transformer_depth=1))
    config.merge_from_dict(dict(model=dict(backbone=small)))
    model = build(config.model)
    answers = model.backbone.vocabulary
    assert answers.num_labels == (601 if 'openimages' in path.stem else 80)
    assert answers.num_class_ids == (340 if 'openimages' in path.stem else 80)
    if 'tta_model' in config:
        assert build(dict(config.tta_model, module=config.model)).module.inverter is not None


def test_the_prior_is_built_on_the_generators_table(tmp_path):
    config = Config.fromfile(ROOT / 'configs/prior/layout-prior_layout2img_coco.py')
    torch.save({'backbone.table.weight': torch.randn(8192, 512)}, tmp_path / 'generator.pth')
    prior = build(dict(config.model, generator=str(tmp_path / 'generator.pth'))).prior
    detector = Config.fromfile(ROOT / 'configs/dive/layout2img/dive_layout2img_coco.py')
    assert detector.model.prior == config.model.prior and prior.length == 92


def test_two_crops_and_the_baseline_score_the_same_images():
    base = Config.fromfile(ROOT / 'configs/_base_/datasets/coco_layouts.py')
    for path in [*CONFIGS, ROOT / 'configs/faster_rcnn/faster-rcnn_r50_fpn_1x_coco-subset.py']:
        config = Config.fromfile(path)
        if path.parent.name in ('layout2img', 'faster_rcnn') and 'openimages' not in path.stem:
            assert config.test_dataloader.dataset.ann_file == base.subset
            assert config.test_evaluator.ann_file == base.data_root + base.subset
