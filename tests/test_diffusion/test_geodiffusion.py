"""GeoDiffusion as a generator of layouts, against the prompt embeddings of diffusers' own pipeline."""
from pathlib import Path

import helpers.tiny_pipeline as tiny
import pytest
import torch
from helpers.converters import run
from mmengine.config import Config

from dive_mmdet.inversion import GradientInverter, LayoutInverter, Likelihood, Posterior
from dive_mmdet.inversion.meter import Meter
from dive_mmdet.inversion.search.likely import LikelyClasses
from dive_mmdet.inversion.search.settings import Shortlist
from dive_mmdet.inversion.search.state import SearchState
from dive_mmdet.inversion.slopes import side_slopes
from dive_mmdet.inversion.space import space_of
from dive_mmdet.layout import LayoutVocabulary
from dive_mmdet.registry import MODELS

DATA = Path(__file__).resolve().parents[1] / 'data/pipelines'  # written by tests/helpers/record_pipelines.py
WIDTHS = dict(geodiffusion=32, geodiffusion2=48)
GRID = 5
# The recorded prompts: labels of cat, traffic light and dog, and x0, y0, x1, y1 of grid points. The last is too long.
LAYOUTS = [[(1, 0, 1, 3, 4)], [(1, 0, 1, 3, 4), (0, 2, 0, 4, 1), (2, 1, 1, 2, 4)],
           [(2, 1, 1, 2, 4), (1, 0, 1, 3, 4), (0, 2, 0, 4, 1)], [], [(1, 0, 1, 3, 4)] * 5]


@pytest.fixture(scope='module', params=list(WIDTHS))
def kind(request):
    return request.param


def pipeline(kind, folder):
    tiny.save(tiny.parts(WIDTHS[kind], attention_type='default'), folder)
    tiny.save_text_encoder(torch.load(DATA / f'{kind}_calls.pth', weights_only=True), folder / 'text_encoder')
    return folder


@pytest.fixture(scope='module')
def generator(kind, tmp_path_factory):
    folder = tmp_path_factory.mktemp(kind)
    target = folder / 'geodiffusion.pth'
    assert run('diffusers_to_dive', pipeline(kind, folder / 'pipeline'), target, '--text',
               DATA / f'{kind}_text.pth') == ''
    generator = MODELS.build(Config.fromfile(target.with_suffix('.py')).generator)
    state = torch.load(target, weights_only=True)['state_dict']
    generator.load_state_dict({name.removeprefix('backbone.'): value for name, value in state.items()})
    return generator.eval().requires_grad_(False)


def layout(generator, objects):
    objects = torch.tensor(objects).reshape(-1, 5)
    return generator.tokenizer.encode(objects[:, 1:] / (GRID - 1), objects[:, 0])


def layouts(generator):
    return torch.stack([layout(generator, objects) for objects in LAYOUTS])


def test_contexts_are_the_pipelines_embeddings_of_the_prompts(kind, generator):
    """Classes of 3 and of 12 tokens, one object, three in two orders, none, and five that the tokenizer cuts off."""
    with torch.no_grad():
        ours = generator.condition(generator.embed(layouts(generator)))
    theirs = torch.load(DATA / f'{kind}_calls.pth', weights_only=True)['embedded']
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    assert float((theirs[1] - theirs[2]).abs().max()) > 1e-2


def test_gaps_between_slots_are_no_words(generator):
    ids = layout(generator, LAYOUTS[1])
    apart = ids.clone()
    apart[6:12] = ids[3:9]
    apart[3:6] = generator.vocabulary.none
    with torch.no_grad():
        one, other = (generator.condition(generator.embed(each[None])) for each in (ids, apart))
    assert torch.equal(one, other) and not generator.condition.order_free


def test_predictions_are_the_unets_under_that_context(kind, generator):
    unet = tiny.unet(WIDTHS[kind], attention_type='default')
    x_t, t = torch.randn(5, 4, tiny.SIDE, tiny.SIDE), torch.tensor([900, 500, 100, 0, 20])
    theirs = torch.load(DATA / f'{kind}_calls.pth', weights_only=True)['embedded']
    with torch.no_grad():
        expected = unet(x_t, t, encoder_hidden_states=theirs).sample
        torch.testing.assert_close(generator.predict_noise(x_t, t, generator.embed(layouts(generator))), expected,
                                   rtol=1e-4, atol=1e-5)


def test_gradients_of_places_and_words_are_those_of_finite_differences(generator):
    """In float64, through the text encoder and the UNet; where there is no word there is no gradient."""
    generator = generator.double()
    rows = generator.embed(layout(generator, LAYOUTS[1])[None])
    draws = torch.Generator().manual_seed(5)
    x_t, target = torch.randn(2, 1, 4, tiny.SIDE, tiny.SIDE, generator=draws, dtype=torch.float64)

    def energy(these):
        return (generator.predict_noise(x_t, torch.tensor([400]), these) - target).square().mean()
    leaf = rows.clone().requires_grad_()
    gradient = torch.autograd.grad(energy(leaf), leaf)[0][0]
    words = generator.condition.words
    places = [(words * token + words - 1, axis) for token in (0, 1, 2, 4, 8) for axis in (1, 9)] + [(0, 3), (5, 4)]
    for row, axis in places:
        step = torch.zeros_like(rows)
        step[0, row, axis] = 1e-5
        difference = (energy(rows + step) - energy(rows - step)) / 2e-5
        torch.testing.assert_close(gradient[row, axis], difference, rtol=1e-5, atol=1e-11)
    assert all(float(gradient[row, axis].abs()) > 1e-8 for row, axis in places)
    nothing = rows[0, :, 0] == 0
    assert bool(nothing.any()) and not gradient[nothing].any() and not gradient[:, 0].any()
    generator.float()


def posterior_of(generator, pairs=2):
    latents = torch.randn(2, 4, tiny.SIDE, tiny.SIDE, generator=torch.Generator().manual_seed(3))
    return Posterior(Likelihood(generator, num_pairs=pairs), latents)


def test_slopes_of_sides_are_the_gradient_along_the_way_to_the_other_place(generator):
    posterior, ids = posterior_of(generator), layout(generator, LAYOUTS[0])[None]
    images = torch.zeros(1, dtype=torch.long)
    slopes = side_slopes(posterior, images, ids, 2, torch.tensor([-1, 1]))
    assert slopes.shape == (1, generator.vocabulary.num_objects, 4, 2)
    moved = layout(generator, [(1, 1, 1, 3, 4)])[None]
    here, there = generator.embed(ids), generator.embed(moved)
    way = torch.zeros((), requires_grad=True)
    expected = torch.autograd.grad(posterior.loss(images, here + way * (there - here), torch.arange(2))[0], way)[0]
    torch.testing.assert_close(slopes[0, 0, 0, 1], expected, rtol=1e-4, atol=1e-8)
    assert float(expected.abs()) > 1e-6


def test_classes_are_ranked_by_the_gradient_of_all_their_words(generator):
    posterior, vocabulary = posterior_of(generator), generator.vocabulary
    ids = layout(generator, LAYOUTS[1])[None]
    state = SearchState(posterior, Meter(posterior, float('inf'), torch.zeros_like), torch.zeros(1, dtype=torch.long),
                        ids, object_cost=0.0, pairs=2)
    cost = LikelyClasses(Shortlist(size=1, pairs=2, expected=0.0))._first_order(state, torch.zeros(1, dtype=torch.long))
    unknown, words = ids.clone(), generator.table.words
    vocabulary.objects(unknown)[0, :3, 0] = vocabulary.any_class
    rows = generator.embed(unknown)
    for slot in range(3):
        first = 3 * words * slot
        for place, class_id in enumerate(vocabulary.class_ids):
            way = torch.zeros((), requires_grad=True)
            step = torch.zeros_like(rows)
            step[0, first:first + words] = generator.table(class_id[None])[0]
            expected = torch.autograd.grad(posterior.loss(torch.zeros(1, dtype=torch.long), rows + way * step,
                                                          torch.arange(2))[0], way)[0]
            torch.testing.assert_close(cost[0, slot, place].float(), expected, rtol=1e-4, atol=1e-7)
            assert float(expected.abs()) > 1e-6


def test_an_object_of_unknown_class_has_the_mean_of_the_last_words(generator):
    ids = layout(generator, LAYOUTS[0])
    ids[0] = generator.vocabulary.any_class
    rows, table = generator.embed(ids[None])[0], generator.table
    assert float(rows[table.words - 1, 0]) == 1
    torch.testing.assert_close(rows[table.words - 1, 1:], table.weight[:, -1].mean(dim=0))
    with torch.no_grad():
        assert generator.condition(rows[None]).isfinite().all()


def test_the_space_finds_the_ids_of_rows_near_by(generator):
    space = space_of(generator, 'l2')
    ids = layouts(generator)
    rows = generator.embed(ids)
    near = rows + 1e-3 * torch.randn(rows.shape, generator=torch.Generator().manual_seed(1))
    assert torch.equal(space.nearest(near), ids)
    found, projected = space.project(near)
    assert torch.equal(found, ids)
    torch.testing.assert_close(projected, rows)
    drawn = space.random(16, torch.Generator().manual_seed(0))
    assert drawn.shape[1:] == rows.shape[1:]
    present = generator.vocabulary.is_present(space.nearest(drawn)).sum(dim=1)
    assert int(present.min()) < int(present.max())


def test_classes_of_any_length_are_near_by_the_words_they_have(generator):
    """Every class is measured by hand on its own words."""
    for distance in ('l2', 'cosine'):
        space, table = space_of(generator, distance), generator.table
        v = torch.randn(40, 3 * generator.vocabulary.num_objects, table.words, table.dim,
                        generator=torch.Generator().manual_seed(2))
        v[..., 0] = 1
        far = torch.empty(40, 3)
        for label in range(3):
            has = table.has_word[label] > 0
            ours, theirs = v[:, 0, has, 1:], table.weight[label, has]
            far[:, label] = ((ours - theirs).square().sum(dim=-1) if distance == 'l2' else
                             -torch.cosine_similarity(ours, theirs, dim=-1)).mean(dim=1)
        found = space.nearest(v.flatten(1, 2))[:, 0] - generator.vocabulary.class_offset
        assert torch.equal(found, far.argmin(dim=1)) and len(found.unique()) > 1


@pytest.mark.parametrize('inverter', [
    LayoutInverter(pairs=2, anchors=dict(scales=[0.5], ratios=[1.0], overlap=0.3), max_nfe=400,
                   add=dict(candidates=4, keep=2, rungs=(1, 2)),
                   classes=dict(rungs=(1, 2), shortlist=dict(size=1, pairs=2, expected=0.0))),
    GradientInverter(loops=1, pairs_per_step=1), GradientInverter(loops=1, pairs_per_step=1, distance='continuous')])
def test_searches_answer_with_layouts_whose_energies_are_theirs(generator, inverter):
    posterior = posterior_of(generator)
    found = inverter.invert(posterior)
    assert bool((found.ids == generator.vocabulary.settled(found.ids)).all())
    with torch.no_grad():
        expected = posterior.likelihood.energy(posterior.latents, generator.embed(found.ids))
    torch.testing.assert_close(found.energy, expected, rtol=1e-4, atol=1e-6)


def test_images_of_another_size_are_refused(generator):
    with pytest.raises(ValueError, match=r'give latents of \(4, 12, 12\) and the denoiser wants \(4, 8, 8\): resize'):
        generator.encode(torch.zeros(1, 3, 24, 24))


def test_more_objects_than_a_prompt_has_room_for_are_refused(generator):
    encoder = MODELS.build(dict(type='dive_mmdet.PromptEncoder', width=32, words=12, before=12, num_layers=1,
                                num_heads=4, mlp_width=8))
    vocabulary = LayoutVocabulary(num_classes=3, num_objects=22, grid=GRID)
    table = MODELS.build(dict(type='dive_mmdet.PromptTable', vocabulary=vocabulary, width=32, words=12))
    with pytest.raises(ValueError, match='22 objects of a word and two places each do not fit the 64 .* up to 21'):
        encoder.require_fit(vocabulary, table)
    with pytest.raises(ValueError, match='rows of a PromptTable with words=12 and width=32'):
        encoder.require_fit(vocabulary, torch.nn.Embedding(3, 32))
    with pytest.raises(ValueError, match='19 objects do not fit 18 slots'):
        layout(generator, LAYOUTS[0] * 19)


@pytest.mark.parametrize('wrong', [-1, 29])
def test_ids_outside_the_vocabulary_are_refused(generator, wrong):
    with pytest.raises(ValueError, match=f'Id {wrong} is none of the vocabulary, whose corners are 0 to 24'):
        generator.table(torch.tensor([3, wrong]))
