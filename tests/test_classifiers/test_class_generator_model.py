"""Training p(x | class), and the check whether it listens, against energies computed one by one."""
import pytest
import torch
from mmpretrain.structures import DataSample

from dive_mmdet.diffusion import ClassGenerator
from dive_mmdet.training import ClassGeneratorModel


def model_of(**changes):
    torch.manual_seed(0)
    return ClassGeneratorModel(dict(
        type='dive_mmdet.ClassGenerator', num_classes=4, row_dim=16, prediction_type='sample',
        first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=1),
        schedule=dict(type='dive_mmdet.NoiseSchedule'),
        denoiser=dict(type='dive_mmdet.DiT', sample_size=(8, 16), channels=1, patch_size=4, width=16, num_layers=1,
                      num_heads=2)), conditioning_check=dict(num_pairs=3, low=300, high=1000), **changes)


def batch(labels=(0, 3, 1)):
    levels = torch.linspace(-0.9, 0.9, 4)[torch.tensor(labels) % 4]
    images = levels[:, None, None, None].expand(-1, 3, 8, 16).clone()
    samples = [DataSample(metainfo=dict(img_id=5 + index)).set_gt_label(label) for index, label in enumerate(labels)]
    return images, samples


@pytest.mark.parametrize('precision', ['float32', 'bfloat16'])
def test_a_class_learned_is_listened_to(precision):
    """A class is a grey, which pure noise cannot tell: only the row can."""
    model = model_of(precision=precision)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    images, samples = batch((0, 1, 2, 3) * 8)
    for _ in range(150):
        optimizer.zero_grad()
        model(images, samples, mode='loss')['loss'].backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        checked = model(*batch(), mode='predict')
    assert all(sample.energies['true'] < sample.energies['class_swapped'] for sample in checked)


def test_the_check_compares_the_true_class_with_another_and_the_null_class():
    model = model_of()
    torch.nn.init.normal_(model.backbone.denoiser.final_layer.linear.weight)
    torch.nn.init.normal_(model.backbone.denoiser.final_layer.adaLN_modulation[1].weight)
    images, samples = batch()
    with torch.no_grad():
        checked = model(images, samples, mode='predict')
        every = torch.stack([model.likelihood.energy(images[:, :1], model.backbone.embed(torch.full((3, 1), label)))
                             for label in range(5)], dim=1)
    for index, (sample, label) in enumerate(zip(checked, (0, 3, 1))):
        energies = sample.energies
        others = [float(every[index, other]) for other in range(4) if other != label]
        assert energies['true'] == pytest.approx(float(every[index, label]), rel=1e-5)
        assert energies['empty'] == pytest.approx(float(every[index, 4]), rel=1e-5)
        assert min(abs(energies['class_swapped'] - other) for other in others) < 1e-5 * energies['true']


def test_ids_of_images_may_be_text():
    images, samples = batch()
    samples[0].set_metainfo(dict(img_id='first of all'))
    with torch.no_grad():
        found = [model_of()(images, samples, mode='predict')[0].energies for _ in range(2)]
    assert found[0] == found[1]


def test_weights_are_named_as_in_the_classifier():
    assert all(name.startswith('backbone.') for name in model_of().state_dict())


def test_a_label_that_is_no_class_is_refused():
    with pytest.raises(ValueError, match='A label is 7, and the generator has the classes 0 to 3'):
        model_of()(*batch((0, 7, 1)), mode='loss')


def test_an_unknown_class_is_the_null_row_or_the_mean_of_the_class_rows():
    for unknown, row in (('null', lambda table: table[4]), ('mean', lambda table: table[:4].mean(dim=0))):
        generator = ClassGenerator(
            4, 16, first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=1),
            schedule=dict(type='dive_mmdet.NoiseSchedule'), unknown=unknown, row_std=1.0,
            denoiser=dict(type='dive_mmdet.DiT', sample_size=8, channels=1, patch_size=4, width=16, num_layers=1,
                          num_heads=2))
        rows = generator.embed(generator.hide_classes(torch.tensor([[0], [3]]), 1.0))
        torch.testing.assert_close(rows, row(generator.table.weight).expand(2, 1, -1))
        assert 0.7 < float(generator.table.weight.std()) < 1.3
    with pytest.raises(ValueError, match="An unknown class is the 'null' row or the 'mean' class row, not 'empty'"):
        ClassGenerator(4, 16, {}, {}, {}, unknown='empty')
