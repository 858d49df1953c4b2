"""The classifier's contract with mmpretrain, on a network too small to know anything."""
import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS
from mmpretrain.structures import DataSample
from torch import nn

INVERTERS = {
    'gradient': dict(type='dive_mmdet.GradientInverter', loops=2, pairs_per_step=2),
    'exhaustive': dict(type='dive_mmdet.ExhaustiveEnumeration'),
    'adaptive': dict(type='dive_mmdet.AdaptiveEnumeration', pairs=[2], keep=[3]),
}


def config(inverter='exhaustive'):
    hook = dict(type='dive_mmdet.InversionHook', inverter=INVERTERS[inverter], objective=dict(num_pairs=4))
    return Config(dict(custom_hooks=[hook], model=dict(
        type='DIVEClassifier', _scope_='dive_mmdet',
        data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3),
        backbone=dict(
            type='dive_mmdet.ClassGenerator', num_classes=5, row_dim=16,
            first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=1),
            schedule=dict(type='dive_mmdet.NoiseSchedule'),
            denoiser=dict(type='dive_mmdet.DiT', sample_size=8, channels=1, patch_size=2, width=16, num_layers=1,
                          num_heads=2)),
        head=dict(type='dive_mmdet.ClassHead'), hooks=[hook])))


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


@pytest.mark.parametrize('inverter', INVERTERS)
def test_predictions_have_scores_of_all_classes(inverter):
    model = build(inverter)
    samples = model(images(), [DataSample().set_gt_label(index) for index in range(3)], mode='predict')
    for sample in samples:
        assert sample.pred_score.shape == (5,) and float(sample.pred_score.sum()) == pytest.approx(1, abs=1e-5)
        assert int(sample.pred_label) == int(sample.pred_score.argmax()) and sample.nfe > 0
    assert torch.equal(torch.stack([sample.pred_score for sample in samples]), model(images()))
    energies = {tuple(sample.inversion['class_energy']) for sample in samples}
    assert len(energies) == len(samples)  # the image has a say


def test_ground_truth_changes_nothing():
    model = build()
    plain = model(images(), mode='predict')
    for labels in ((0, 1, 2), (4, 4, 4)):
        told = model(images(), [DataSample().set_gt_label(label) for label in labels], mode='predict')
        assert all(torch.equal(a.pred_score, b.pred_score) for a, b in zip(plain, told))


def test_the_three_modes_and_no_other():
    model = build()
    with pytest.raises(RuntimeError, match='DIVEClassifier inverts a frozen model and has no loss'):
        model(images(), [], mode='loss')
    with pytest.raises(ValueError, match="Unknown mode 'train'"):
        model(images(), mode='train')


def test_without_a_search_it_says_what_to_do():
    with_none = copy.deepcopy(config().model)
    with_none.hooks = []
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MMPRETRAIN_MODELS.build(with_none)
    with pytest.raises(RuntimeError, match='DIVEClassifier has no inverter: name InversionHook in custom_hooks'):
        model(images())
