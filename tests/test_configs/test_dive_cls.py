"""Configs that classify: one generator, one bank, one data set; the search alone differs."""
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
DATA = ('mnist-5k', 'digit-strings-1000')
METHODS = ('dive', 'dive-reference', 'exhaustive', 'adaptive')
SEARCHES = {'dive-reference': 'GradientInverter', 'exhaustive': 'ExhaustiveEnumeration',
            'adaptive': 'AdaptiveEnumeration'}
OURS = {'mnist-5k': 'AdaptiveEnumeration', 'digit-strings-1000': 'ShortlistInverter'}


def load(method, data):
    return Config.fromfile(CONFIGS / f'dive_cls/{method}_{data}.py')


@pytest.mark.parametrize('data', DATA)
@pytest.mark.parametrize('method', METHODS)
def test_a_classifier_searches_as_its_config_says(method, data):
    config = load(method, data)
    assert [hook.type for hook in config.custom_hooks] == ['dive_mmdet.InversionHook']
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(config.model)
    assert type(model.inverter).__name__ == SEARCHES.get(method, OURS[data])
    assert len(model.likelihood) == 50
    assert model.backbone.vocabulary.num_classes == config.num_classes


@pytest.mark.parametrize('data', DATA)
def test_all_methods_differ_in_the_search_alone(data):
    plain = []
    for method in METHODS:
        config = load(method, data)
        config.model.pop('inverter')
        plain.append((config.model, config.custom_hooks, config.test_dataloader.dataset, config.test_evaluator,
                      config.get('batch_size')))
    assert all(settings == plain[0] for settings in plain)


@pytest.mark.parametrize('data', DATA)
def test_a_classifier_inverts_the_generator_that_its_training_config_trains(data):
    trained, inverted = (config.model.backbone for config in
                         (Config.fromfile(CONFIGS / f'class_generator/dit_{data}.py'), load('dive', data)))
    trained.pop('compile')
    assert trained == inverted


@pytest.mark.parametrize('data', DATA)
def test_the_reference_has_the_published_settings(data):
    """But for the learning rate: at the published 1e-2, for rows of 0.02, rows of 1.0 would stay where they are."""
    inverter = load('dive-reference', data).model.inverter
    assert inverter.pop('lr') >= 1e-2 * 1.0 / 0.02
    assert inverter == dict(type='dive_mmdet.GradientInverter', distance='l2', loops=20, pairs_per_step=25)
