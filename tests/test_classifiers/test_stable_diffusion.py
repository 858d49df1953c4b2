"""Stable Diffusion as a classifier, against a direct loop over diffusers' scheduler and UNet."""
from pathlib import Path

import helpers.tiny_pipeline as tiny
import pytest
import torch
from helpers.converters import run
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS

from dive_mmdet.inversion import GradientInverter
from dive_mmdet.inversion.space import space_of

DATA = Path(__file__).resolve().parents[1] / 'data/pipelines'  # written by tests/helpers/record_pipelines.py
# Stable Diffusion 1, and 2, which has other heads, a wider context and predicts v; the text is recorded with GLIGENs.
KINDS = {'1': (dict(tiny.KINDS['gligen'], attention_type='default'), 'gligen_text.pth'),
         '2': (dict(tiny.KINDS['igligen'], attention_type='default'), 'igligen_text.pth')}
PAIRS = 6
WHOLE_BANK = dict(type='dive_mmdet.ExhaustiveEnumeration')


@pytest.fixture(scope='module', params=list(KINDS))
def kind(request):
    return request.param


@pytest.fixture(scope='module')
def converted(kind, tmp_path_factory):
    """Config and weights of a generator."""
    folder, (settings, text) = tmp_path_factory.mktemp('stable-diffusion'), KINDS[kind]
    tiny.save(tiny.parts(**settings), folder / 'pipeline')
    target = folder / 'out.pth'
    assert run('diffusers_to_dive', folder / 'pipeline', target, '--text', DATA / text, '--classifier') == ''
    return Config.fromfile(folder / 'out.py').generator, torch.load(target, weights_only=True)['state_dict']


def build(converted, inverter):
    config = dict(
        type='DIVEClassifier', _scope_='dive_mmdet', inverter=inverter, objective=dict(num_pairs=PAIRS),
        data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3),
        backbone=converted[0], head=dict(type='dive_mmdet.ClassHead'))
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(config).eval()
    model.load_state_dict(converted[1])
    return model


def images(count=2):
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def by_hand(kind, bank, prompts=None):
    """Mean squared errors of the noise, (N, C, P), one question at a time."""
    settings, text = KINDS[kind]
    parts = tiny.parts(**settings)
    prompts = torch.load(DATA / text, weights_only=True)['state_dict']['prompts'] if prompts is None else prompts
    schedule, predicts_v = parts['scheduler'], settings.get('prediction_type') == 'v_prediction'
    errors = torch.empty(2, len(prompts), PAIRS)
    with torch.no_grad():
        latents = parts['vae'].encode(images()).latent_dist.mean * 0.18215
        for image, latent in enumerate(latents):
            for pair, (t, noise) in enumerate(zip(bank.timesteps, bank.noise)):
                x_t = schedule.add_noise(latent[None], noise[None], t[None])
                for label, prompt in enumerate(prompts):
                    output = parts['unet'](x_t, t, encoder_hidden_states=prompt[None]).sample
                    if predicts_v:
                        abar = schedule.alphas_cumprod[t]
                        output = abar.sqrt() * output + (1 - abar).sqrt() * x_t
                    errors[image, label, pair] = (output - noise).square().mean()
    return errors


def test_energies_are_those_of_the_direct_loop(kind, converted):
    model = build(converted, WHOLE_BANK)
    errors = by_hand(kind, model.likelihood.bank)
    found = model.invert(images())
    torch.testing.assert_close(found.class_energy, errors.mean(dim=2), rtol=1e-5, atol=1e-6)
    assert torch.equal(found.ids[:, 0], errors.mean(dim=2).argmin(dim=1))
    assert float((errors[:, 0] - errors[:, 1]).abs().min()) > 0 and found.nfe.tolist() == [3 * PAIRS] * 2


def test_adaptive_enumeration_keeps_the_best_of_the_first_pairs(kind, converted):
    model = build(converted, dict(type='dive_mmdet.AdaptiveEnumeration', race=dict(pairs=[2], keep=[2])))
    errors = by_hand(kind, model.likelihood.bank)
    kept = errors[:, :, :2].mean(dim=2).topk(2, largest=False).indices
    expected = kept.gather(1, errors.mean(dim=2).gather(1, kept).argmin(dim=1, keepdim=True))
    found = model.invert(images())
    assert torch.equal(found.ids, expected) and found.nfe.tolist() == [3 * 2 + 2 * (PAIRS - 2)] * 2


def test_the_shortlist_predicts_by_the_gradient_of_all_rows_of_a_prompt(kind, converted):
    model = build(converted, dict(type='dive_mmdet.ShortlistInverter', candidates=3, race={}, gradient_pairs=2,
                                  expected=0.0))
    posterior, prompts = model.posterior(model.backbone.encode(images())), model.backbone.table.weight[:3]
    predicted = model.inverter.predicted(posterior)
    mean, energies = prompts.mean(dim=0), []
    for label in range(3):
        away = 1e-2 * (prompts[label] - mean)
        ahead, behind = (posterior.loss(torch.arange(2), (mean + sign * away).expand(2, -1, -1), torch.arange(2))
                         for sign in (1, -1))
        energies.append((ahead - behind) / 2e-2)
    differences = torch.stack(energies, dim=1)
    expected, found = (each - each.mean(dim=1, keepdim=True) for each in (differences, predicted))
    torch.testing.assert_close(found, expected, rtol=0.1, atol=0.1 * float(expected.abs().max()))
    assert torch.equal(model.invert(images()).ids[:, 0], by_hand(kind, posterior.likelihood.bank).mean(2).argmin(1))


def test_the_published_inversion_moves_all_rows_of_a_prompt(converted):
    """Its space projects whole prompts; a gradient step reaches every token that the UNet attends to."""
    model = build(converted, WHOLE_BANK)
    space, table = space_of(model.backbone, 'l2'), model.backbone.table.weight
    near = table[[2, 0]] + 0.01 * torch.randn(2, *table.shape[1:], generator=torch.Generator().manual_seed(0))
    ids, rows = space.project(near)
    assert ids.tolist() == [[2], [0]]
    torch.testing.assert_close(rows, table[[2, 0]])
    assert space.random(2, torch.Generator().manual_seed(0)).shape == (2, *table.shape[1:])
    seen = []
    inverter = GradientInverter(loops=2, pairs_per_step=3, candidates=2)
    posterior = model.posterior(model.backbone.encode(images()))
    found = inverter.invert(posterior, callback=lambda each: seen.append(each))
    assert all((each['gradient'].abs().amax(dim=2) > 0).all() for each in seen if 'gradient' in each)
    energies = build(converted, WHOLE_BANK).invert(images()).class_energy
    torch.testing.assert_close(found.energy, energies.gather(1, found.ids)[:, 0])


def test_the_best_of_several_prompts_speaks_for_a_class(tmp_path):
    """As in diffusion-classifier's `eval_prob_adaptive.py`, whose prompts name their classes."""
    settings, _ = KINDS['1']
    tiny.save(tiny.parts(**settings), tmp_path / 'pipeline')
    assert run('diffusers_to_dive', tmp_path / 'pipeline', tmp_path / 'out.pth', '--text', DATA / 'prompts_text.pth',
               '--classifier') == ''
    built = Config.fromfile(tmp_path / 'out.py').generator, torch.load(tmp_path / 'out.pth', weights_only=True)
    model = build((built[0], built[1]['state_dict']), WHOLE_BANK)
    prompts = torch.load(DATA / 'prompts_text.pth', weights_only=True)['state_dict']['prompts']
    alone = torch.load(DATA / 'gligen_text.pth', weights_only=True)['state_dict']['prompts']
    torch.testing.assert_close(prompts[::2], alone)
    errors = by_hand('1', model.likelihood.bank, prompts).mean(dim=2)
    found, samples = model.invert(images()), model.predict(images())
    torch.testing.assert_close(found.class_energy, errors.view(2, 3, 2).amin(dim=2), rtol=1e-5, atol=1e-6)
    assert torch.equal(found.ids[:, 0], errors.argmin(dim=1)) and found.nfe.tolist() == [6 * PAIRS] * 2
    assert [int(sample.pred_label) for sample in samples] == (errors.argmin(dim=1) // 2).tolist()
    assert samples[0].pred_score.shape == (3,)
    race = build((built[0], built[1]['state_dict']), dict(type='dive_mmdet.AdaptiveEnumeration',
                                                          race=dict(pairs=[2], keep=[3])))
    assert [int(sample.pred_label) for sample in race.predict(images())] == [
        int(each) for each in race.backbone.vocabulary.class_labels[race.invert(images()).ids[:, 0]]]


def test_a_text_without_prompts_is_refused(kind, converted, tmp_path):
    settings, text = KINDS[kind]
    folder, bare = tiny.save(tiny.parts(**settings), tmp_path / 'pipeline'), torch.load(DATA / text, weights_only=True)
    del bare['state_dict']['prompts']
    torch.save(bare, tmp_path / 'text.pth')
    said = run('diffusers_to_dive', folder, tmp_path / 'out.pth', '--text', tmp_path / 'text.pth', '--classifier')
    assert 'encode it with --prompt' in said and not (tmp_path / 'out.pth').exists()
