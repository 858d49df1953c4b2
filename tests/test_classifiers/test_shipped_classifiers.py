"""The shipped classifiers on real handwriting that no training saw: what a figure in the docs stands on."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmengine.registry import DATASETS, DefaultScope
from mmpretrain.apis import get_model

ROOT = Path(__file__).resolve().parents[2]
IMAGES = 24


def predictions(config, weights):
    config = Config.fromfile(ROOT / 'configs' / config)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        dataset = DATASETS.build(config.test_dataloader.dataset)
    model = get_model(config, pretrained=str(ROOT / 'weights' / weights), device='cpu')
    samples = model.test_step(default_collate([dataset[index] for index in range(IMAGES)]))
    return samples, torch.tensor([int(sample.pred_label == sample.gt_label) for sample in samples])


@pytest.mark.parametrize('config, weights', [
    ('resnet/resnet18_mnist-5k.py', 'resnet_mnist_5k.pth'), ('dive_cls/dive_mnist-5k.py', 'dive_mnist_5k.pth'),
    ('resnet/resnet18_digit-strings-1000.py', 'resnet_digit_strings_1000.pth'),
    ('dive_cls/dive_digit-strings-1000.py', 'dive_digit_strings_1000.pth')])
def test_at_least_five_in_six_are_recognised(config, weights):
    """Chance would be one in ten or in a thousand."""
    assert int(predictions(config, weights)[1].sum()) >= 5 * IMAGES / 6


def test_a_string_costs_no_more_than_its_settings_say():
    """A gradient, the candidates on two pairs, the best of them on two more: then some are decided."""
    samples, _ = predictions('dive_cls/dive_digit-strings-1000.py', 'dive_digit_strings_1000.pth')
    nfe = [float(sample.nfe) for sample in samples]
    least = 16 * 3 + 32 * 2 + 12 * 2
    assert min(nfe) >= least and max(nfe) <= 300 and len(set(nfe)) > 1
    assert sum(nfe) / IMAGES < 0.8 * 300
