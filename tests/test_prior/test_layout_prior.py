"""The prior sees a set of objects at the table's own scale, and its energy is what it says."""
import copy

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.runner import load_checkpoint, save_checkpoint
from mmengine.structures import InstanceData
from torch import nn

from dive_mmdet.checkpoints.loading import WeightsMismatch
from dive_mmdet.diffusion.schedule import NoiseSchedule
from dive_mmdet.prior import LayoutPrior
from dive_mmdet.training import LayoutPriorModel

SMALL = dict(length=9, row_dim=8, width=32, num_layers=2, num_heads=4, schedule=dict(type='dive_mmdet.NoiseSchedule'),
             num_pairs=4)
PAIRED = SMALL['num_pairs']


def build(seed=0, **changes):
    torch.manual_seed(seed)
    return LayoutPrior(**{**SMALL, **changes}).eval()


def rows(count, length=9, seed=1):
    return torch.randn(count, length, 8, generator=torch.Generator().manual_seed(seed))


def permuted(sequence, order):
    """The same sequence with its objects in another order; a crop stays at the end."""
    objects = sequence[:, :9].unflatten(1, (3, 3))[:, order].flatten(1, 2)
    return torch.cat([objects, sequence[:, 9:]], dim=1)


@pytest.mark.parametrize('length', [9, 11])
def test_permuting_the_objects_permutes_the_prediction(length):
    prior, x_t, t, order = build(length=length), rows(3, length), torch.tensor([10, 500, 999]), [2, 0, 1]
    with torch.no_grad():
        prediction = prior.predict(x_t, t)
        torch.testing.assert_close(prior.predict(permuted(x_t, order), t), permuted(prediction, order),
                                   rtol=1e-4, atol=1e-5)
        swapped = x_t[:, [0, 2, 1, *range(3, length)]]
        assert not torch.allclose(prior.predict(swapped, t), prediction, atol=1e-3)
    assert prediction.shape == x_t.shape


def test_the_energy_of_permuted_objects_is_the_same_only_under_permuted_noise():
    prior, layouts, order = build(), rows(2), [1, 2, 0]
    with torch.no_grad():
        energy, other = prior.energy(layouts), prior.energy(permuted(layouts, order))
        assert not torch.allclose(energy, other, rtol=1e-3)
        prior.bank.noise.copy_(permuted(prior.bank.noise, order))
        torch.testing.assert_close(prior.energy(permuted(layouts, order)), energy, rtol=1e-5, atol=0)


def test_objects_look_at_each_other_and_items_do_not():
    x_t = rows(2).requires_grad_()
    build().predict(x_t, torch.tensor([500, 500]))[0, 0].sum().backward()
    reached = x_t.grad.abs().sum(dim=2) > 0
    assert bool(reached[0].all()) and not bool(reached[1].any())


@pytest.mark.parametrize('prediction_type', ['epsilon', 'sample', 'v_prediction'])
def test_the_energy_of_a_network_that_says_nothing_has_a_closed_form(prediction_type):
    """It predicts 0, so what is left is the mean square of what it should have predicted."""
    prior = build(prediction_type=prediction_type)
    nn.init.zeros_(prior.predict_object.weight)
    nn.init.zeros_(prior.predict_object.bias)
    layouts = rows(3).double()
    noise, abar = prior.bank.noise.double(), NoiseSchedule().alphas_cumprod[prior.bank.timesteps].view(-1, 1, 1)
    targets = {'epsilon': noise.expand(3, -1, -1, -1), 'sample': layouts[:, None].expand(-1, PAIRED, -1, -1),
               'v_prediction': abar.sqrt() * noise - (1 - abar).sqrt() * layouts[:, None]}
    expected = targets[prediction_type].square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(prior.energy(layouts.float()).double(), expected, rtol=1e-5, atol=0)


def test_energies_do_not_depend_on_the_batch():
    prior, layouts = build(), rows(4)
    with torch.no_grad():
        alone = torch.cat([prior.energy(layout[None]) for layout in layouts])
        torch.testing.assert_close(prior.energy(layouts), alone, rtol=1e-5, atol=0)
    assert len(set(alone.tolist())) == 4


def test_the_scale_of_the_table_does_not_matter():
    """Any shift and positive scale of the dimensions is undone by standardising."""
    table, prior = rows(50, 1)[:, 0], build()
    scale, shift = torch.logspace(-3, 2, 8), torch.linspace(-50, 50, 8)
    ids = torch.randint(50, (3, 9), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        prior.set_scale(table)
        energy = prior.energy(table[ids])
        prior.set_scale(table * scale + shift)
        torch.testing.assert_close(prior.energy((table * scale + shift)[ids]), energy, rtol=1e-2, atol=1e-4)
        assert not torch.allclose(prior.energy(table[ids]), energy, rtol=0.02)


def test_a_dimension_that_never_varies_divides_nothing_by_zero():
    prior, table = build(), rows(50, 1)[:, 0]
    table[:, 3] = 7.0
    prior.set_scale(table)
    assert bool(prior.energy(table[:9][None]).isfinite().all())


def test_the_scale_is_kept_with_the_weights():
    table, prior, other = 3 * rows(50, 1)[:, 0] + 1, build(), build(seed=5)
    prior.set_scale(table)
    state = prior.state_dict()
    torch.testing.assert_close(state['row_mean'], table.mean(dim=0))
    torch.testing.assert_close(state['row_std'], table.std(dim=0))
    assert not any('bank' in name or 'schedule' in name for name in state)
    other.load_state_dict(state)
    with torch.no_grad():
        assert torch.equal(other.energy(table[:9][None]), prior.energy(table[:9][None]))


def test_the_energy_has_a_gradient_in_the_rows():
    """Against finite differences, along the gradient and along a random direction."""
    prior, layouts = build(), rows(2).requires_grad_()
    prior.set_scale(2 * rows(50, 1)[:, 0])
    gradient, = torch.autograd.grad(prior.energy(layouts).sum(), layouts)
    for direction in (gradient / gradient.norm(), rows(2, seed=7) / rows(2, seed=7).norm()):
        with torch.no_grad():
            high, low = (prior.energy(layouts + sign * 0.02 * direction).sum().double() for sign in (1, -1))
        assert float((high - low) / 0.04) == pytest.approx(float((gradient * direction).sum()), rel=0.03, abs=1e-3)


@pytest.mark.parametrize('prediction_type', ['epsilon', 'sample', 'v_prediction'])
def test_the_loss_falls_and_learned_layouts_have_lower_energy(prediction_type):
    prior, layouts = build(prediction_type=prediction_type).train(), rows(8)
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(prior.parameters(), lr=3e-3)
    losses = []
    for _ in range(300):
        optimizer.zero_grad()
        loss = prior.loss(layouts.repeat(4, 1, 1), generator)
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert sum(losses[-20:]) < 0.8 * sum(losses[:20])
    with torch.no_grad():
        known, unknown = prior.eval().energy(layouts), prior.energy(rows(8, seed=9))
    assert known.mean() < 0.9 * unknown.mean()


def test_the_loss_comes_from_the_generator_it_is_given():
    prior = build()
    first, second, other = (float(prior.loss(rows(4), torch.Generator().manual_seed(seed))) for seed in (1, 1, 2))
    assert first == second != other


def test_missing_weights_are_refused_by_name(tmp_path):
    prior = build()
    state = copy.copy(prior.state_dict())
    del state['norm.weight']
    state['row_mean'] = torch.zeros(9)
    save_checkpoint(dict(state_dict=state), str(tmp_path / 'prior.pth'))
    with pytest.raises(WeightsMismatch, match=r'does not fit the layout prior: of \d+ keys, 1 missing \(norm.weight\) '
                                              r'and 1 of another size \(row_mean \(\(9,\), not \(8,\)\)\)'):
        load_checkpoint(build(), str(tmp_path / 'prior.pth'))


def test_an_unknown_prediction_type_is_refused():
    with pytest.raises(ValueError, match="Unknown prediction_type 'noise': use one of epsilon, sample, v_prediction"):
        build(prediction_type='noise')


# The model that the Runner trains.

VOCABULARY, TABLE = dict(num_classes=3, num_objects=3, grid=9), dict(dim=8)
TABLE_ROWS = 9 * 9 + 3 + 1


@pytest.fixture
def checkpoint(tmp_path):
    """A generator's weights: of them the table alone is read."""
    path = tmp_path / 'generator.pth'
    torch.save(dict(state_dict={'backbone.table.weight': 2 * rows(TABLE_ROWS, 1)[:, 0] + 1}), path)
    return path


def model_of(checkpoint, **changes):
    torch.manual_seed(0)
    return LayoutPriorModel(dict(type='dive_mmdet.LayoutPrior', **SMALL), VOCABULARY, TABLE, str(checkpoint), **changes)


def sample(*objects):
    """(label, x0, y0, x1, y1) in pixels of an image of 80 x 40."""
    objects = torch.tensor(objects, dtype=torch.float32).reshape(-1, 5)
    sample = DetDataSample(metainfo=dict(img_id=7, img_shape=(40, 80)))
    sample.gt_instances = InstanceData(bboxes=objects[:, 1:], labels=objects[:, 0].long())
    return sample


SAMPLES = [((0, 10, 5, 30, 20), (2, 40, 0, 80, 40)), ((1, 0, 0, 10, 10),)]


def test_rows_are_those_of_the_generators_table(checkpoint):
    """Corners are y * 9 + x on a grid of 10 x 5 pixels; classes follow the 81 corners, none is the last row."""
    model = model_of(checkpoint)
    table = torch.load(checkpoint)['state_dict']['backbone.table.weight']
    ids = [[81, 1 * 9 + 1, 4 * 9 + 3, 83, 0 * 9 + 4, 8 * 9 + 8, 84, 84, 84], [82, 0, 2 * 9 + 1] + [84] * 6]
    out = model(torch.zeros(2), [sample(*objects) for objects in SAMPLES])
    assert torch.equal(out, table[torch.tensor(ids)])
    torch.testing.assert_close(model.prior.row_mean, table.mean(dim=0))


def test_the_loss_reaches_the_prior_and_never_the_table(checkpoint):
    model = model_of(checkpoint)
    model(torch.zeros(2), [sample(*objects) for objects in SAMPLES], mode='loss')['loss'].backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert {name.split('.')[0] for name in model.state_dict()} == {'prior'}
    assert not list(model.table.parameters())


def test_validation_compares_with_the_same_objects_at_random_corners(checkpoint):
    model = model_of(checkpoint)
    samples = model(torch.zeros(2), [sample(*objects) for objects in SAMPLES], mode='predict')
    true = model.prior.energy(model(torch.zeros(2), samples))
    torch.testing.assert_close(torch.tensor([s.energies['true'] for s in samples]), true.detach(), rtol=1e-5, atol=0)
    empty = model.prior.energy(model._rows(model.tokenizer.vocabulary.empty()[None]))
    assert [s.energies['empty'] for s in samples] == pytest.approx([float(empty)] * 2, rel=1e-5)
    assert set(samples[0].energies) == {'true', 'random', 'empty', 'dropped', 'extra', 'shrunk', 'grown'}
    assert samples[1].energies['dropped'] == pytest.approx(float(empty), rel=1e-5)  # it had one object
    ids = torch.tensor([[81, 10, 39, 83, 4, 80, 84, 84, 84], [82, 0, 19] + [84] * 6])
    foreign = model._foreign_layouts(ids)
    vocabulary = model.tokenizer.vocabulary
    assert torch.equal(vocabulary.objects(foreign)[..., 0], vocabulary.objects(ids)[..., 0])
    assert not torch.equal(foreign, ids) and bool((foreign[1, 3:] == 84).all())
    assert bool((foreign[0, [1, 2, 4, 5]] < 81).all()) and torch.equal(foreign, model._foreign_layouts(ids))


def test_a_missing_generator_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match='No generator checkpoint at .*nowhere.pth: train the generator first'):
        model_of(tmp_path / 'nowhere.pth')


@pytest.mark.parametrize('state, found', [({}, 'none'), ({'backbone.table.weight': torch.zeros(4, 8)}, r'\(4, 8\)')])
def test_a_foreign_generator_is_told(tmp_path, state, found):
    torch.save(dict(state_dict=state), tmp_path / 'foreign.pth')
    with pytest.raises(ValueError, match=rf'should hold backbone.table.weight of \(85, 8\), found {found}: it belongs'):
        model_of(tmp_path / 'foreign.pth')


def test_a_checkpoint_of_the_runner_is_told_how_to_become_weights(tmp_path, checkpoint):
    """It holds the message hub too, which is not plain data."""
    from mmengine.logging import HistoryBuffer
    state = torch.load(checkpoint)['state_dict']
    torch.save(dict(state_dict=state, message_hub=HistoryBuffer([1.0], [1])), tmp_path / 'iter_9.pth')
    with pytest.raises(ValueError, match=r'iter_9.pth is not plain weights; .*tools/misc/publish_weights.py IN OUT'):
        model_of(tmp_path / 'iter_9.pth')


def test_each_layout_is_learned_with_several_noises_and_some_classes_unknown(checkpoint):
    model = model_of(checkpoint, noises=500, class_dropout=0.25)
    samples, seen = [sample(*objects) for objects in SAMPLES], []
    model.prior.loss = lambda rows: seen.append(rows) or rows.mean()
    model(torch.zeros(2), samples, mode='loss')
    plain, (rows,) = model(torch.zeros(2), samples), seen
    assert rows.shape == (1000, 9, 8)
    unknown = torch.load(checkpoint)['state_dict']['backbone.table.weight'][81:84].mean(dim=0)
    changed = (rows != plain.repeat(500, 1, 1)).any(dim=2)
    torch.testing.assert_close(rows[changed], unknown.expand(int(changed.sum()), -1), rtol=0, atol=1e-6)
    share = changed.view(500, 2, 9).float().mean(dim=0)
    present = torch.tensor([[1, 0, 0, 1, 0, 0, 0, 0, 0], [1] + [0] * 8], dtype=torch.bool)
    assert bool((share[~present] == 0).all()) and bool(((share[present] - 0.25).abs() < 0.1).all())
