"""Every shipped config parses and builds."""
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

ROOT = Path(__file__).resolve().parents[2]
# What needs weights of the user's own is built in test_your_own_data.py and test_imagenet.py.
CONFIGS = sorted(path for path in (ROOT / 'configs').rglob('*.py')
                 if '_base_' not in path.parts and path != ROOT / 'configs/your_own_data/prior.py'
                 and 'layout2img' not in path.stem  # those are built in test_layout2img.py
                 and not path.stem.endswith('_imagenet'))
NEEDS_WEIGHTS = 'prior'


def build(config: Config):
    with DefaultScope.overwrite_default_scope(config.default_scope):
        return MODELS.build(config.model)


def test_there_are_configs_of_every_kind():
    assert {path.parent.name for path in CONFIGS} >= {'dive', 'faster_rcnn', 'generator', 'prior'}


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: f'{path.parent.name}/{path.stem}')
def test_config_builds(path):
    config = Config.fromfile(path)
    if path.parent.name == NEEDS_WEIGHTS:
        config.model.generator = str(ROOT / config.model.generator)
    model = build(config)
    assert sum(parameter.numel() for parameter in model.parameters()) > 0


def test_a_misspelt_key_is_an_error_that_names_it():
    config = Config.fromfile(ROOT / 'configs/dive/dive_proposal_digit-scenes.py')
    config.model.backbone.prediction_typ = 'sample'
    with pytest.raises(TypeError, match='prediction_typ'):
        build(config)


def test_detector_and_generator_configs_share_one_generator():
    dive = Config.fromfile(ROOT / 'configs/dive/dive_proposal_digit-scenes.py')
    generator = Config.fromfile(ROOT / 'configs/generator/layout_patch-transformer_digit-scenes.py')
    assert dive.model.backbone == generator.model.backbone
    assert dive.model.hooks == dive.custom_hooks


@pytest.mark.parametrize('path', [path for path in sorted((ROOT / 'configs/dive').rglob('*.py'))],
                         ids=lambda path: path.stem)
def test_interfaces_without_hooks_read_the_same_hooks(path):
    config = Config.fromfile(path)
    assert config.model.hooks == config.custom_hooks
    types = [hook.type for hook in config.custom_hooks]
    assert types == ['dive_mmdet.InversionHook', 'dive_mmdet.LayoutPriorHook'][:len(types)]


@pytest.mark.parametrize('path', [path for path in CONFIGS if path.parent.name == 'ablations'],
                         ids=lambda path: path.stem)
def test_an_ablation_changes_the_search_or_the_head_and_nothing_else(path):
    ablation, base = (Config.fromfile(file) for file in (path, ROOT / 'configs/dive/dive_proposal_digit-scenes.py'))
    assert (ablation.custom_hooks != base.custom_hooks) + (ablation.model.bbox_head != base.model.bbox_head) == 1
    for config in (ablation, base):
        config.model.pop('hooks')
        config.model.pop('bbox_head')
        for name in ('custom_hooks', 'inversion_hook', 'prior_hook', 'scale'):
            config.pop(name, None)
    assert ablation.to_dict() == base.to_dict()
