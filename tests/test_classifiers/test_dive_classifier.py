"""The classifier's contract with mmpretrain, on a network too small to know anything."""
import copy

import pytest
import torch
from helpers.tiny_classifier import INVERTERS, build, config, images
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS
from mmpretrain.structures import DataSample


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
    with_none.pop('inverter')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MMPRETRAIN_MODELS.build(with_none)
    with pytest.raises(RuntimeError, match='DIVEClassifier has no search: set `model.inverter` in its config'):
        model(images())
