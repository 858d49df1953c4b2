"""Our parts are found from every scope, and frameworks find what they must."""
import pytest
from mmdet.registry import MODELS as MMDET_MODELS
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS

from dive_mmdet.diffusion import NoiseSchedule
from dive_mmdet.registry import MODELS


@pytest.mark.parametrize('scope', ['mmengine', 'mmdet', 'mmpretrain', 'dive_mmdet'])
def test_parts_are_found_from_every_scope(scope):
    with DefaultScope.overwrite_default_scope(scope):
        assert isinstance(MODELS.build(dict(type='NoiseSchedule')), NoiseSchedule)
        for registry in (MODELS, MMDET_MODELS, MMPRETRAIN_MODELS):
            assert isinstance(registry.build(dict(type='dive_mmdet.NoiseSchedule')), NoiseSchedule)


def test_building_leaves_the_config_as_it_was():
    config = dict(type='NoiseSchedule')
    MODELS.build(config)
    assert config == dict(type='NoiseSchedule')


def test_mmdet_finds_the_detector_under_its_own_name():
    import dive_mmdet.detectors as detectors
    assert MMDET_MODELS.get('DIVEDetector') is detectors.DIVEDetector
