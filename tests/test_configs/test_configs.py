"""Every shipped config parses and builds."""
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

ROOT = Path(__file__).resolve().parents[2]
# What needs weights of the user's own is built in test_your_own_data.py, test_new_class.py and test_imagenet.py.
CONFIGS = sorted(path for path in (ROOT / 'configs').rglob('*.py')
                 if '_base_' not in path.parts and path.name not in ('data.py', 'derived.py', 'prior.py')
                 and not path.stem.startswith('learn')
                 and 'layout2img' not in path.stem  # those are built in test_layout2img.py
                 and not {'gligen', 'geodiffusion', 'stable-diffusion-2'} & {path.parent.name, path.stem.split('_')[0]}
                 and not path.stem.endswith('_imagenet'))
NEEDS_WEIGHTS = 'prior'
DIVE = ROOT / 'configs/dive/dive_digit-scenes.py'


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
    config = Config.fromfile(DIVE)
    config.model.backbone.prediction_typ = 'sample'
    with pytest.raises(TypeError, match='prediction_typ'):
        build(config)


def test_detector_and_generator_configs_share_one_generator():
    dive = Config.fromfile(DIVE)
    generator = Config.fromfile(ROOT / 'configs/generator/layout_box-channels_digit-scenes.py')
    assert dive.model.backbone == generator.model.backbone


@pytest.mark.parametrize('path', [path for path in CONFIGS if path.parent.name == 'ablations'],
                         ids=lambda path: path.stem)
def test_an_ablation_changes_the_search_or_the_head_and_nothing_else(path):
    ablation, base = (Config.fromfile(file).to_dict() for file in (path, DIVE))
    ablation.pop('scale', None)
    searches = [{key: config['model'].pop(key) for key in ('inverter', 'objective', 'prior_weight', 'batch_size')}
                for config in (ablation, base)]
    heads = [config['model'].pop('bbox_head') for config in (ablation, base)]
    assert (searches[0] != searches[1]) + (heads[0] != heads[1]) == 1
    assert ablation == base
