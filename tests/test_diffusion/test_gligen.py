"""GLIGEN as a generator of layouts, against the UNet calls of diffusers' own pipeline."""
from pathlib import Path

import helpers.tiny_pipeline as tiny
import pytest
import torch
from helpers.converters import run
from mmengine.config import Config

from dive_mmdet.inversion import Likelihood, Posterior
from dive_mmdet.inversion.slopes import side_slopes
from dive_mmdet.registry import MODELS

DATA = Path(__file__).resolve().parents[1] / 'data/pipelines'  # written by tests/helpers/record_pipelines.py
BOXES = torch.tensor([[0.25, 0.125, 0.75, 0.5], [0.0, 0.5, 0.375, 1.0], [0.5, 0.0, 0.625, 0.25]])
LABELS = torch.tensor([1, 0, 1])  # of cat, traffic light and dog


def converted(folder, target, text):
    assert run('diffusers_to_dive', folder, target, '--text', text, '--grid', 17) == ''
    generator = MODELS.build(Config.fromfile(target.with_suffix('.py')).generator)
    state = torch.load(target, weights_only=True)['state_dict']
    generator.load_state_dict({name.removeprefix('backbone.'): value for name, value in state.items()})
    return generator.eval().requires_grad_(False)


@pytest.fixture(scope='module', params=list(tiny.KINDS))
def kind(request):
    return request.param


@pytest.fixture(scope='module')
def generator(kind, tmp_path_factory):
    folder = tmp_path_factory.mktemp(kind)
    tiny.save(tiny.parts(**tiny.KINDS[kind]), folder / 'pipeline')
    return converted(folder / 'pipeline', folder / 'gligen.pth', DATA / f'{kind}_text.pth')


@pytest.mark.parametrize('beta, grounded_from', [('1.0', 0), ('0.3', 700)])
def test_every_unet_call_of_the_pipeline_is_ours(beta, grounded_from, kind, generator):
    """Guided sampling asks without objects and with them; what it asks below `grounded_from` has the gates shut."""
    ids = torch.stack([generator.vocabulary.empty(), generator.tokenizer.encode(BOXES, LABELS)])
    calls = torch.load(DATA / f'{kind}_calls.pth', weights_only=True)[beta]
    inputs, steps, outputs = (calls[name] for name in ('inputs', 'steps', 'outputs'))
    generator.denoiser.grounded_from = grounded_from
    with torch.no_grad():
        ours = generator.predict(inputs.flatten(0, 1), steps.repeat_interleave(2), generator.embed(ids).repeat(
            len(steps), 1, 1)).unflatten(0, (-1, 2))
    generator.denoiser.grounded_from = 0
    torch.testing.assert_close(ours, outputs, rtol=0, atol=1e-5)
    told_apart = (outputs[:, 0] - outputs[:, 1]).abs().amax(dim=(1, 2, 3)) > 1e-4
    assert told_apart.tolist() == [step >= grounded_from for step in steps.tolist()]


def test_what_the_unet_predicts_becomes_noise_as_the_scheduler_has_it(kind, generator):
    """v = sqrt(abar) eps - sqrt(1 - abar) x_0."""
    predicts, abar = generator.prediction_type, tiny.scheduler().alphas_cumprod[400]
    assert predicts == tiny.KINDS[kind].get('prediction_type', 'epsilon')
    x_t, rows = torch.randn(1, 4, tiny.SIDE, tiny.SIDE), generator.embed(generator.vocabulary.empty()[None])
    t = torch.tensor([400])
    with torch.no_grad():
        noise, output = generator.predict_noise(x_t, t, rows), generator.predict(x_t, t, rows)
    expected = abar.sqrt() * output + (1 - abar).sqrt() * x_t if predicts == 'v_prediction' else output
    torch.testing.assert_close(noise, expected)


def test_the_first_stage_is_the_pipelines(generator):
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        theirs = tiny.autoencoder().encode(images).latent_dist.mean * 0.18215
    torch.testing.assert_close(generator.encode(images), theirs)


def test_gradients_of_boxes_phrases_and_presence_are_those_of_finite_differences(generator):
    """In float64, so that they are exact; the second object is half there."""
    precise = MODELS.build(dict(type='dive_mmdet.GroundingEncoder', width=generator.table.dim - 1, slots=4))
    precise.load_state_dict(generator.condition.state_dict())
    precise, unet = precise.double(), generator.denoiser.double()
    rows = generator.embed(generator.tokenizer.encode(BOXES, LABELS))[None, :9].double()
    rows[0, 3, 0] = 0.5
    draws = torch.Generator().manual_seed(5)
    x_t, target = torch.randn(2, 1, 4, tiny.SIDE, tiny.SIDE, generator=draws, dtype=torch.float64)
    t = torch.tensor([400])

    def energy(these):
        return (unet(x_t, t, precise(these)) - target).square().mean()
    leaf = rows.clone().requires_grad_()
    gradient = torch.autograd.grad(energy(leaf), leaf)[0]
    places = [(0, 0), (0, 7), (3, 0), (3, 5), *((token, axis) for token in (1, 2, 5) for axis in (0, 1))]
    for token, place in places:
        step = torch.zeros_like(rows)
        step[0, token, place] = 1e-5
        difference = (energy(rows + step) - energy(rows - step)) / 2e-5
        torch.testing.assert_close(gradient[0, token, place], difference, rtol=1e-5, atol=1e-10)
    assert all(float(gradient[0, token, place].abs()) > 1e-7 for token, place in places)
    generator.denoiser.float()


def test_slopes_of_sides_are_what_small_steps_change(generator):
    posterior = Posterior(Likelihood(generator, num_pairs=2), torch.zeros(1, 4, tiny.SIDE, tiny.SIDE))
    images, ids = torch.zeros(1, dtype=torch.long), generator.tokenizer.encode(torch.tensor(BOXES),
                                                                               torch.tensor(LABELS))[None]
    slopes = side_slopes(posterior, images, ids, 2, torch.tensor([1]))[0, :3, :, 0]
    rows, pairs = generator.embed(ids), torch.arange(2)
    for slot, side, place in ((0, 0, (1, 0)), (0, 3, (2, 1)), (1, 2, (5, 0))):
        step = torch.zeros_like(rows)
        step[0, 3 * slot + place[0] % 3, place[1]] = 1 / 16
        ahead, behind = (posterior.loss(images, rows + sign * step / 8, pairs) for sign in (1, -1))
        torch.testing.assert_close(slopes[slot, side], 4 * (ahead - behind)[0], rtol=0.05, atol=2e-5)


def test_objects_have_no_order_and_slots_may_be_fewer(generator):
    """What a layout lacks of the thirty slots is null objects, however many the vocabulary has."""
    rows = generator.embed(generator.tokenizer.encode(BOXES, LABELS))[None]
    swapped = rows[:, [3, 4, 5, 0, 1, 2, *range(6, 90)]]
    x_t, t = torch.randn(1, 4, tiny.SIDE, tiny.SIDE, generator=torch.Generator().manual_seed(7)), torch.tensor([500])
    with torch.no_grad():
        whole, other, short = (generator.predict_noise(x_t, t, these) for these in (rows, swapped, rows[:, :9]))
    torch.testing.assert_close(whole, other, rtol=1e-4, atol=1e-5)
    assert torch.equal(whole, short)


@pytest.mark.parametrize('rows, sentence', [
    (torch.zeros(1, 93, 33), '93 tokens does not fit 30 objects'), (torch.zeros(1, 8, 33), '8 tokens does not fit'),
    (torch.zeros(1, 9, 17), 'Rows of 17 numbers do not fit phrases of 32')])
def test_conditions_that_do_not_fit_are_refused(rows, sentence):
    with pytest.raises(ValueError, match=sentence):
        MODELS.build(dict(type='dive_mmdet.GroundingEncoder', width=32))(rows)


@pytest.mark.parametrize('part, change, sentence', [
    ('denoiser', dict(attention_type='default'), 'no gates for them'),
    ('denoiser', dict(cross_attention_dim=48), 'vectors of 32 numbers and the denoiser attends to such of 48')])
def test_parts_that_do_not_fit_are_refused(part, change, sentence):
    parts = dict(
        type='dive_mmdet.LayoutGenerator', vocabulary=dict(num_classes=2, num_objects=3, grid=9),
        table=dict(type='dive_mmdet.CoordinateTable', class_dim=32),
        first_stage=dict(type='dive_mmdet.IdentityFirstStage'), schedule=dict(type='dive_mmdet.NoiseSchedule'),
        condition=dict(type='dive_mmdet.GroundingEncoder', width=32),
        denoiser=dict(type='dive_mmdet.DiffusersUNet', model={**dict(tiny.unet().config), **change}))
    parts['denoiser']['model'] = {name: value for name, value in parts['denoiser']['model'].items() if name[0] != '_'}
    with pytest.raises(ValueError, match=sentence):
        MODELS.build(parts)


def test_gates_that_are_not_there_cannot_be_scheduled():
    model = {name: value for name, value in tiny.unet(attention_type='default').config.items() if name[0] != '_'}
    with pytest.raises(ValueError, match='without gates never sees boxes'):
        MODELS.build(dict(type='dive_mmdet.DiffusersUNet', model=model, grounded_from=700))


def test_prompts_of_classes_are_embedded_as_the_pipeline_does(kind):
    text, calls = (torch.load(DATA / f'{kind}_{what}.pth', weights_only=True) for what in ('text', 'calls'))
    torch.testing.assert_close(text['state_dict']['prompts'], calls['1.0']['prompts'], rtol=0, atol=1e-5)
    assert text['meta']['classes'] == ['cat', 'traffic light', 'dog']
