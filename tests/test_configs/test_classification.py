"""Training configs of classification: the sizes and the data that the figures depend on."""
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, FUNCTIONS, MODELS, DefaultScope

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
DATA = ('mnist-5k', 'digit-strings-1000')


def build(registry, config):
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return registry.build(config)


def first_batch(config, model):
    dataset = build(DATASETS, config.train_dataloader.dataset)
    collate = FUNCTIONS.get(config.train_dataloader.collate_fn.type)
    return model.data_preprocessor(collate([dataset[index] for index in range(4)]), True)


@pytest.mark.parametrize('data', DATA)
@pytest.mark.parametrize('kind', ['class_generator/dit', 'resnet/resnet18'])
def test_training_takes_a_step_on_the_data_sets_own_images(kind, data):
    config = Config.fromfile(CONFIGS / f'{kind}_{data}.py')
    config.model.backbone.pop('compile', None)  # takes a minute
    model = build(MODELS, config.model).train()
    assert sum(parameter.numel() for parameter in model.parameters()) < (2e6 if 'resnet' in kind else 2.5e6)
    batch = first_batch(config, model)
    assert tuple(batch['inputs'].shape[2:]) == tuple(config.image_size)
    losses, _ = model.parse_losses(model(**batch, mode='loss'))
    losses.backward()
    assert any(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


@pytest.mark.parametrize('data', DATA)
def test_generator_and_baseline_train_on_the_same_digits_and_are_tested_on_others(data):
    generator, resnet = (Config.fromfile(CONFIGS / f'{kind}_{data}.py')
                         for kind in ('class_generator/dit', 'resnet/resnet18'))
    assert generator.train_dataloader.dataset == resnet.train_dataloader.dataset
    assert generator.val_dataloader.dataset == resnet.test_dataloader.dataset
    splits = [config.get('composer', config).get('split') for config in
              (resnet.train_dataloader.dataset, resnet.tuning_dataset, resnet.test_dataloader.dataset)]
    assert splits == ['train', 'train', 'val']


def test_rows_of_strings_are_independent_parameters():
    """Rows of strings that share digits are no more alike than others, and no row is made of another."""
    table = build(MODELS, Config.fromfile(CONFIGS / 'class_generator/dit_digit-strings-1000.py').model).backbone.table
    weight = table.weight.detach().numpy()
    assert weight.shape == (1001, 128) and [name for name, _ in table.named_parameters()] == ['weight']
    alike = np.corrcoef(weight[120:130])  # 120 to 129 share two digits
    assert np.abs(alike - np.eye(10)).max() < 0.5
