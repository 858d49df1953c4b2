"""A training goes on with other settings of its loss from an iteration on, and a resumed one does."""
import logging
from types import SimpleNamespace

import pytest

from dive_mmdet.hooks import LossSwitchHook
from dive_mmdet.training import GeneratorModel


def model():
    return GeneratorModel(dict(
        type='dive_mmdet.LayoutGenerator', vocabulary=dict(num_classes=3, num_objects=2, grid=9),
        table=dict(type='dive_mmdet.CoordinateTable', class_dim=4),
        first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=1),
        schedule=dict(type='dive_mmdet.NoiseSchedule'), condition=dict(type='dive_mmdet.NoContext'),
        channels=dict(type='dive_mmdet.BoxChannels', sample_size=8, class_dim=4),
        denoiser=dict(type='dive_mmdet.PatchTransformer', sample_size=8, channels=1, patch_size=4, width=16,
                      num_layers=1, num_heads=2, context_dim=None, condition_channels=11),
        prediction_type='sample'), loss=dict(timestep_exponent=0.5, class_dropout=0.1))


def losses_at(iterations, hook, trained):
    seen = []
    for iteration in iterations:
        hook.before_train_iter(SimpleNamespace(iter=iteration, model=trained, logger=logging.getLogger()), iteration)
        seen.append((trained.loss.space, trained.loss.timestep_exponent, trained.loss.class_dropout))
    return seen


@pytest.mark.parametrize('iterations, switched', [(range(5), [False, False, False, True, True]), ((7, 8), [True] * 2)])
def test_settings_change_at_their_iteration(iterations, switched):
    hook = LossSwitchHook(begin=3, loss=dict(space='v_prediction', timestep_exponent=1.0))
    expected = [('v_prediction', 1.0, 0.1) if each else ('sample', 0.5, 0.1) for each in switched]
    assert losses_at(iterations, hook, model()) == expected


def test_an_unknown_setting_is_an_error():
    with pytest.raises(TypeError, match='timestep_exponnt'):
        losses_at([3], LossSwitchHook(begin=3, loss=dict(timestep_exponnt=1.0)), model())
