"""Training p(x | layout): what the loss is, what it reaches, and what a check of the generator asks."""
import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.runner import load_checkpoint, save_checkpoint
from mmengine.structures import InstanceData

from dive_mmdet.checkpoints.loading import WeightsMismatch
from dive_mmdet.inversion import Likelihood
from dive_mmdet.training import GeneratorModel
from dive_mmdet.training.ground_truth import true_layouts
from dive_mmdet.training.seeds import seed_of

SIZE = 16


def config(num_classes=3, **changes):
    """The shipped generator's parts, tiny: 16 x 16 images, up to 3 objects."""
    return {**dict(
        type='dive_mmdet.LayoutGenerator',
        vocabulary=dict(num_classes=num_classes, num_objects=3, grid=SIZE + 1),
        table=dict(dim=8),
        first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=1),
        schedule=dict(type='dive_mmdet.NoiseSchedule'),
        condition=dict(type='dive_mmdet.ObjectEncoder', row_dim=8, width=16, num_layers=1, num_heads=2),
        denoiser=dict(type='dive_mmdet.PatchTransformer', sample_size=SIZE, channels=1, patch_size=4, width=16,
                      num_layers=1, num_heads=2, context_dim=16),
        prediction_type='sample'), **changes}


def model_of(conditioning_check=None, seed=0, loss=None, **changes):
    torch.manual_seed(seed)
    return GeneratorModel(config(**changes), loss=dict(dict(timestep_exponent=0.5, class_dropout=0.1), **loss or {}),
                          conditioning_check=conditioning_check or dict(num_pairs=3, low=400, high=1000))


def sample(img_id, *objects, **meta):
    """(label, x0, y0, x1, y1) in pixels each."""
    objects = torch.tensor(objects, dtype=torch.float32).reshape(-1, 5)
    sample = DetDataSample(metainfo=dict(img_id=img_id, img_shape=(SIZE, SIZE), **meta))
    sample.gt_instances = InstanceData(bboxes=HorizontalBoxes(objects[:, 1:]), labels=objects[:, 0].long())
    return sample


def batch():
    images = torch.rand(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(4)) * 2 - 1
    return images, [sample(11, (0, 1, 1, 7, 9)), sample(12, (2, 8, 2, 15, 8), (1, 0, 9, 5, 16)),
                    sample(13, (1, 3, 3, 12, 12))]


def silence(model):
    """Make the denoiser predict 0, and record what it was asked."""
    asked = []
    model.backbone.denoiser.forward = lambda x_t, t, context: asked.append((x_t, t, context)) or torch.zeros_like(x_t)
    return asked


@pytest.mark.parametrize('mode', ['tensor', 'loss', 'predict'])
def test_each_mode_gives_what_the_runner_expects(mode):
    images, samples = batch()
    out = model_of()(images, samples, mode=mode)
    if mode == 'tensor':
        assert torch.equal(out, images.mean(dim=1, keepdim=True))
    elif mode == 'loss':
        assert set(out) == {'loss'} and out['loss'].shape == () and bool(out['loss'].isfinite())
    else:
        assert [s.img_id for s in out] == [11, 12, 13] and all('true' in s.energies for s in out)


def test_the_gradient_reaches_all_parts():
    model = model_of(loss=dict(class_dropout=0.0))
    # Published transformers start with a last layer of zeros, through which nothing is learned in the first step.
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    model(*batch(), mode='loss')['loss'].backward()
    reached = {name for name, parameter in model.named_parameters()
               if parameter.grad is not None and float(parameter.grad.abs().max()) > 0}
    assert {name.split('.')[1] for name in reached} == {'table', 'condition', 'denoiser'}
    silent = {name for name, _ in model.named_parameters()} - reached
    assert all('join_crop' in name or 'null' in name or name.endswith('in_proj_bias') for name in silent), silent


def test_gradients_move_the_rows_of_the_layouts_alone():
    model = model_of(loss=dict(class_dropout=0.0))
    table = model.backbone.table.weight
    before = table.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    for _ in range(3):
        optimizer.zero_grad()
        model(*batch(), mode='loss')['loss'].backward()
        optimizer.step()
    moved = (table != before).any(dim=1).nonzero()[:, 0]
    assert moved.tolist() == true_layouts(batch()[1], model.backbone.tokenizer).unique().tolist()


def test_a_batch_can_be_learned():
    model, (images, samples) = model_of(), batch()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(80):
        optimizer.zero_grad()
        loss = model(images, samples, mode='loss')['loss']
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert sum(losses[-10:]) < 0.6 * sum(losses[:10])


@pytest.mark.parametrize('norm, power', [('l2', 2), ('l1', 1)])
@pytest.mark.parametrize('prediction_type', ['epsilon', 'sample', 'v_prediction'])
def test_the_loss_of_a_network_that_says_nothing_is_the_size_of_its_target(prediction_type, norm, power):
    model = model_of(prediction_type=prediction_type, loss=dict(norm=norm))
    asked, (images, samples) = silence(model), batch()
    loss = model(images, samples, mode='loss')['loss']
    (x_t, t, _), = asked
    x0, abar = images.mean(dim=1, keepdim=True), model.backbone.schedule.alphas_cumprod[t].view(-1, 1, 1, 1).float()
    noise = (x_t - abar.sqrt() * x0) / (1 - abar).sqrt()
    target = dict(epsilon=noise, sample=x0, v_prediction=abar.sqrt() * noise - (1 - abar).sqrt() * x0)[prediction_type]
    torch.testing.assert_close(loss, target.abs().pow(power).mean(), rtol=1e-3, atol=1e-4)


def test_the_loss_can_be_measured_in_another_space():
    """The noise that goes with x_0 = 0 is x_t / sigma, and the error is what x_0 adds to it."""
    model = model_of(prediction_type='sample', loss=dict(space='epsilon'))
    asked, (images, samples) = silence(model), batch()
    loss = model(images, samples, mode='loss')['loss']
    abar = model.backbone.schedule.alphas_cumprod[asked[0][1]].view(-1, 1, 1, 1)
    expected = (abar / (1 - abar) * images.mean(dim=1, keepdim=True).square()).mean()
    torch.testing.assert_close(loss.double(), expected, rtol=1e-3, atol=1e-6)


def test_an_unknown_norm_is_refused():
    with pytest.raises(ValueError, match="Unknown norm 'huber': use one of l2, l1"):
        model_of(loss=dict(norm='huber'))


@pytest.mark.parametrize('exponent, mean', [(1.0, 1 / 2), (0.5, 2 / 3)])
def test_timesteps_are_drawn_as_said(exponent, mean):
    """T u^a has the mean T / (a + 1)."""
    model = model_of(loss=dict(timestep_exponent=exponent))
    asked = silence(model)
    model.loss(torch.zeros(4000, 1, SIZE, SIZE), model.backbone.vocabulary.empty().repeat(4000, 1),
               torch.Generator().manual_seed(0))
    t = asked[0][1]
    assert abs(float(t.float().mean()) / 1000 - mean) < 0.02 and 0 <= int(t.min()) and int(t.max()) <= 999


def test_dropped_classes_are_the_mean_class_and_the_boxes_stay():
    """With certain dropout the network cannot tell two labels apart, only two boxes."""
    def context(label, right, dropout):
        model = model_of(loss=dict(class_dropout=dropout))
        asked = silence(model)
        model(batch()[0][:1], [sample(1, (label, 2, 2, right, 9))], mode='loss')
        return asked[0][2]

    assert torch.equal(context(0, 9, 1.0), context(2, 9, 1.0))
    assert not torch.allclose(context(0, 9, 1.0), context(0, 12, 1.0), atol=1e-4)
    assert not torch.allclose(context(0, 9, 0.0), context(2, 9, 0.0), atol=1e-4)
    backbone = model_of().backbone
    ids = backbone.tokenizer.encode(torch.tensor([[2, 2, 9, 9]]) / SIZE, torch.tensor([0]))
    ids[0] = backbone.vocabulary.any_class
    rows = backbone.embed(ids)
    torch.testing.assert_close(rows[0], backbone.table.weight[SIZE * SIZE + 2 * SIZE + 1:][:3].mean(dim=0))
    torch.testing.assert_close(backbone.condition(rows[None]), context(1, 9, 1.0), rtol=1e-4, atol=1e-5)


def test_the_kinds_of_wrong_layouts():
    images, samples = batch()
    kinds = {'true', 'empty', 'shuffled', 'class_swapped', 'shifted', 'shrunk', 'grown', 'dropped', 'extra'}
    assert [set(s.energies) for s in model_of()(images, samples, mode='predict')] == [kinds] * 3
    alone = model_of()(images[:1], samples[:1], mode='predict')
    assert set(alone[0].energies) == kinds - {'shuffled'}
    one_class = model_of(num_classes=1)(images[:1], [sample(1, (0, 1, 1, 7, 9))], mode='predict')
    assert set(one_class[0].energies) == kinds - {'shuffled', 'class_swapped'}
    full = model_of()(images[:1], [sample(1, *[(0, x, 1, x + 4, 9) for x in (0, 5, 10)])], mode='predict')
    assert set(full[0].energies) == kinds - {'shuffled', 'extra'}  # no slot is free


def test_an_image_without_objects_has_no_wrong_layout():
    images, samples = batch()
    samples[1] = sample(12)
    found = model_of()(images, samples, mode='predict')
    assert set(found[1].energies) == {'true'} and len(found[0].energies) == len(found[2].energies) == 9


def test_energies_are_those_of_the_layouts_they_are_named_after():
    """One at a time through the likelihood; the tokens are written by hand."""
    model, (images, samples) = model_of(), batch()
    found = model(images, samples, mode='predict')
    n, none = SIZE + 1, (SIZE + 1) ** 2 + 3
    true = [[n * n, n + 1, 9 * n + 7] + [none] * 6,
            [n * n + 2, 2 * n + 8, 8 * n + 15, n * n + 1, 9 * n, 16 * n + 5] + [none] * 3,
            [n * n + 1, 3 * n + 3, 12 * n + 12] + [none] * 6]
    layouts = dict(true=true, empty=[[none] * 9] * 3, shuffled=[true[2], true[0], true[1]])
    likelihood = Likelihood(model.backbone, num_pairs=3, low=400, high=1000)
    for kind, rows in layouts.items():
        for image in range(3):
            expected = likelihood.energy(images[[image]].mean(dim=1, keepdim=True),
                                         model.backbone.embed(torch.tensor(rows[image])[None]))
            assert found[image].energies[kind] == pytest.approx(float(expected), rel=1e-5)


def test_an_images_energies_do_not_depend_on_its_batch():
    """But for `shuffled`, which is about the batch; what is corrupted follows from the image's id."""
    images, samples = batch()
    model = model_of()
    together = [s.energies for s in model(images, samples, mode='predict')]
    order = [2, 0, 1]
    for index in order:
        alone = model(images[[index]], [batch()[1][index]], mode='predict')[0].energies
        assert set(alone) == set(together[index]) - {'shuffled'}
        for kind, energy in alone.items():
            assert energy == pytest.approx(together[index][kind], rel=1e-5), kind


def test_ids_of_images_may_be_text():
    """The same in every process (the digest by sha256sum), another for another image; numbers stay their own seeds."""
    assert [seed_of(number) for number in (0, 11, '11', -3)] == [0, 11, 11, -3]
    assert seed_of('left') == int('360f84035942243c6a36537ae2f8673485e6c04455a0a85a0db19690f2541480'[:14], 16)
    model, (images, samples) = model_of(), batch()
    for sample, name in zip(samples, ('left', 'middle', 'right')):
        sample.set_metainfo(dict(img_id=name))
    found = model(images, samples, mode='predict')
    energies = [sample.energies for sample in found]
    assert energies == [sample.energies for sample in model(images, samples, mode='predict')]
    samples[1].set_metainfo(dict(img_id='elsewhere'))
    again = model(images, samples, mode='predict')
    assert again[1].energies != energies[1] and again[2].energies == energies[2]


def test_the_check_has_its_own_shift_and_leaves_its_config_alone():
    conditioning_check = dict(num_pairs=2, low=100, high=900, shift=0.25)
    model = model_of(conditioning_check)
    assert model.shift == 0.25 and len(model.likelihood) == 2 and conditioning_check['shift'] == 0.25


@pytest.mark.parametrize('objects, meta, sentence', [
    ([(0, i, i, i + 3, i + 3) for i in range(4)], dict(img_path='scenes/7.png'),
     r'Image scenes/7.png: 4 objects do not fit 3 slots: raise num_objects'),
    ([(0, 4, 4, 4, 9)], {}, r'Image 21: Box \[0.25, 0.25, 0.25, 0.5625\] has no area: remove it'),
    ([(0, 4, 4, 20, 9)], {}, r'Image 21: Box \[0.25, 0.25, 1.25, 0.5625\] lies outside the image'),
    ([(3, 4, 4, 8, 9)], {}, r'Image 21: Label 3 is none of the 3 categories'),
])
@pytest.mark.parametrize('mode', ['loss', 'predict'])
def test_impossible_annotations_name_the_image(objects, meta, sentence, mode):
    images, samples = batch()
    with pytest.raises(ValueError, match=sentence):
        model_of()(images, [*samples[:2], sample(21, *objects, **meta)], mode=mode)


def test_images_of_another_size_are_told():
    with pytest.raises(ValueError, match=r'Images of \(3, 20, 20\) give latents of \(1, 20, 20\) and the denoiser '
                                         r'wants \(1, 16, 16\): resize the images in the pipeline'):
        model_of()(torch.zeros(1, 3, 20, 20), batch()[1][:1], mode='loss')


def test_weights_round_trip_and_are_named_as_in_the_detector(tmp_path):
    model, other = model_of(), model_of(seed=1)
    assert {name.split('.')[0] for name in model.state_dict()} == {'backbone'}
    save_checkpoint(dict(state_dict=model.state_dict()), str(tmp_path / 'generator.pth'))
    images, samples = batch()
    before = [s.energies for s in model(images, samples, mode='predict')]
    assert before != [s.energies for s in other(images, samples, mode='predict')]
    load_checkpoint(other, str(tmp_path / 'generator.pth'))
    assert before == [s.energies for s in other(images, samples, mode='predict')]


def test_a_foreign_checkpoint_is_refused_with_what_is_missing(tmp_path):
    """A detector's, and one of another vocabulary."""
    foreign = {'backbone.layer1.0.conv1.weight': torch.zeros(1), 'rpn_head.rpn_conv.weight': torch.zeros(1)}
    save_checkpoint(dict(state_dict=foreign), str(tmp_path / 'foreign.pth'))
    with pytest.raises(WeightsMismatch, match=r'does not fit the generator: of \d+ keys, \d+ missing '
                                              r'\(backbone.table.weight, '):
        load_checkpoint(model_of(), str(tmp_path / 'foreign.pth'))
    save_checkpoint(dict(state_dict=model_of(num_classes=5).state_dict()), str(tmp_path / 'other.pth'))
    with pytest.raises(WeightsMismatch, match=r'1 of another size \(backbone.table.weight \(\(295, 8\), not '
                                              r'\(293, 8\)\)\)'):
        load_checkpoint(model_of(), str(tmp_path / 'other.pth'))
