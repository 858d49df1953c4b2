"""Public pipelines in diffusers' format: which file is read, and what is refused."""
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import helpers.tiny_pipeline as tiny
import pytest
import torch
from diffusers import UNet2DConditionModel
from helpers.converters import run
from safetensors.torch import load_file, save_file

DATA = Path(__file__).resolve().parents[1] / 'data/pipelines'
TEXT = DATA / 'gligen_text.pth'
WEIGHTS = 'diffusion_pytorch_model.safetensors'


@pytest.fixture(scope='module')
def pipeline(tmp_path_factory):
    return tiny.save(tiny.parts(), tmp_path_factory.mktemp('pipeline'))


@pytest.fixture
def copy(pipeline, tmp_path):
    return shutil.copytree(pipeline, tmp_path / 'pipeline')


def read(target):
    return torch.load(target, weights_only=True)['state_dict']


def convert(source, target, *options, text=TEXT):
    return run('diffusers_to_dive', source, target, '--text', text, *options)


def set_config(folder, **changes):
    path = folder / 'config.json'
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in config.items() if value != 'gone'}))


def test_older_files_give_the_same_generator(pipeline, copy, tmp_path):
    """Pickles, the old key of gates, and an autoencoder whose attention has its old names, in halves."""
    assert convert(pipeline, tmp_path / 'plain.pth') == ''
    weights = load_file(copy / 'unet' / WEIGHTS)
    torch.save(weights, copy / 'unet/diffusion_pytorch_model.bin')
    (copy / 'unet' / WEIGHTS).unlink()
    set_config(copy / 'unet', attention_type='gone', use_gated_attention=True)
    old = dict(to_q='query', to_k='key', to_v='value')
    renamed = {}
    for name, value in load_file(copy / 'vae' / WEIGHTS).items():
        for today, then in old.items():
            name = name.replace(f'attentions.0.{today}.', f'attentions.0.{then}.')
        renamed[name.replace('to_out.0', 'proj_attn')] = value.half()
    (copy / 'vae' / WEIGHTS).unlink()
    save_file(renamed, copy / 'vae/diffusion_pytorch_model.fp16.safetensors')
    assert convert(copy, tmp_path / 'older.pth') == ''
    plain, older = read(tmp_path / 'plain.pth'), read(tmp_path / 'older.pth')
    assert list(plain) == list(older) and all(value.dtype == torch.float32 for value in older.values()
                                              if value.is_floating_point())
    for name, value in plain.items():
        expected = value.half().float() if '.first_stage.' in name else value
        torch.testing.assert_close(older[name], expected, rtol=0, atol=0)


def test_a_unet_alone_takes_its_other_parts_by_name(pipeline, copy, tmp_path):
    shutil.move(copy / 'unet', tmp_path / 'alone')
    said = convert(tmp_path / 'alone', tmp_path / 'out.pth')
    assert 'alone/vae is missing' in said and '--vae' in said
    options = ('--vae', copy / 'vae', '--scheduler', copy / 'scheduler')
    assert convert(tmp_path / 'alone', tmp_path / 'alone.pth', *options) == ''
    assert convert(pipeline, tmp_path / 'plain.pth') == ''
    alone, plain = read(tmp_path / 'alone.pth'), read(tmp_path / 'plain.pth')
    assert all(torch.equal(alone[name], value) for name, value in plain.items())


def change_weights(folder, change):
    weights = load_file(folder / WEIGHTS)
    change(weights)
    save_file(weights, folder / WEIGHTS)


GATE = 'mid_block.attentions.0.transformer_blocks.0.fuser.alpha_attn'


@pytest.mark.parametrize('change, sentence', [
    (lambda folder: change_weights(folder / 'unet', lambda w: w.pop(GATE)), f'1 missing (denoiser.unet.{GATE})'),
    (lambda folder: change_weights(folder / 'unet', lambda w: w.update(extra=torch.zeros(1))),
     'have no place in the network (denoiser.unet.extra)'),
    (lambda folder: change_weights(folder / 'vae', lambda w: w.pop('quant_conv.bias')),
     '1 missing (first_stage.autoencoder.quant_conv.bias)'),
    (lambda folder: set_config(folder / 'unet', attention_type='gated-text-image'), 'attention_type=gated-text-image'),
    (lambda folder: set_config(folder / 'unet', in_channels=9), 'more than a text and boxes (in_channels=9)'),
    (lambda folder: set_config(folder / 'unet', addition_embed_type='text_time'), '(addition_embed_type)'),
    (lambda folder: set_config(folder / 'unet', of_the_future=3), 'no `of_the_future` of a UNet2DConditionModel'),
    (lambda folder: set_config(folder / 'unet', _class_name='UNet2DModel'), 'holds UNet2DModel and no UNet2DCond'),
    (lambda folder: set_config(folder / 'unet', attention_type='default'), 'without gates'),
    (lambda folder: (folder / 'unet' / WEIGHTS).unlink(), f'has no {WEIGHTS}'),
    (lambda folder: (folder / 'unet' / WEIGHTS).write_bytes(b'half'), f'{WEIGHTS} cannot be read'),
    (lambda folder: (folder / 'scheduler/scheduler_config.json').write_text('{"trained_betas": [1]}'),
     'lacks `beta_schedule`'),
])
def test_what_does_not_fit_is_named_and_nothing_is_written(change, sentence, copy, tmp_path):
    change(copy)
    said = convert(copy, tmp_path / 'out.pth')
    assert sentence in said and '\n' not in said and not list(tmp_path.glob('out*'))


def test_another_text_encoder_is_refused(pipeline, tmp_path):
    said = convert(pipeline, tmp_path / 'out.pth', text=DATA / 'igligen_text.pth')
    assert 'vectors of 64 numbers and the denoiser attends to such of 32' in said
    torch.save(dict(state_dict={}), tmp_path / 'other.pth')
    assert 'holds no encoded text' in convert(pipeline, tmp_path / 'out.pth', text=tmp_path / 'other.pth')


@pytest.fixture
def geodiffusion(tmp_path):
    folder = tiny.save(tiny.parts(attention_type='default'), tmp_path / 'geodiffusion')
    tiny.save_text_encoder(torch.load(DATA / 'geodiffusion_calls.pth', weights_only=True), folder / 'text_encoder')
    return folder


def change_text_encoder(folder, change):
    path = folder / 'text_encoder/model.safetensors'
    weights = load_file(path)
    change(weights)
    save_file(weights, path)


def shorten(weights):
    name = 'text_model.embeddings.token_embedding.weight'
    weights[name] = weights[name][:90].clone()


@pytest.mark.parametrize('change, sentence', [
    (lambda folder: set_config(folder / 'unet', attention_type='gated'), 'encode it without --layout for a GLIGEN'),
    (lambda folder: change_text_encoder(folder, shorten), 'has 90 words and the tokenizer of the text 107 or more'),
    (lambda folder: change_text_encoder(folder, lambda w: w.pop('text_model.final_layer_norm.bias')),
     'lacks final_layer_norm.bias: download both again'),
    (lambda folder: set_config(folder / 'text_encoder', hidden_act='gone'), 'lacks hidden_act: download both again'),
    (lambda folder: set_config(folder / 'text_encoder', hidden_act='relu'), "Unknown activation 'relu'"),
    (lambda folder: set_config(folder / 'text_encoder', use_attention_mask=True), 'masks padding'),
    (lambda folder: set_config(folder / 'text_encoder', architectures=['BertModel']), 'holds BertModel and no'),
    (lambda folder: shutil.rmtree(folder / 'text_encoder'), 'has no config.json: give a CLIPTextModel directory'),
    (lambda folder: set_config(folder / 'unet', cross_attention_dim=64), 'vectors of 32 numbers and the denoiser'),
])
def test_a_geodiffusion_that_does_not_fit_is_named(change, sentence, geodiffusion, tmp_path):
    change(geodiffusion)
    said = convert(geodiffusion, tmp_path / 'out.pth', text=DATA / 'geodiffusion_text.pth')
    assert sentence in said and '\n' not in said and not list(tmp_path.glob('out*'))


def test_a_geodiffusions_text_encoder_may_lie_elsewhere_and_in_halves(geodiffusion, tmp_path):
    assert convert(geodiffusion, tmp_path / 'plain.pth', text=DATA / 'geodiffusion_text.pth') == ''
    weights = load_file(geodiffusion / 'text_encoder/model.safetensors')
    shutil.move(geodiffusion / 'text_encoder', tmp_path / 'text')
    (tmp_path / 'text/model.safetensors').unlink()
    # Of the older names: a buffer of positions, which later ones do not store.
    torch.save({name: value.half() for name, value in weights.items()} | {
        'text_model.embeddings.position_ids': torch.arange(77)[None]}, tmp_path / 'text/pytorch_model.bin')
    assert convert(geodiffusion, tmp_path / 'other.pth', '--text-encoder', tmp_path / 'text',
                   text=DATA / 'geodiffusion_text.pth') == ''
    plain, other = read(tmp_path / 'plain.pth'), read(tmp_path / 'other.pth')
    assert list(plain) == list(other)
    for name, value in plain.items():
        expected = value.half().float() if '.condition.' in name or name.endswith('places') else value
        if not name.startswith('backbone.table.'):
            torch.testing.assert_close(other[name], expected, rtol=0, atol=0)


def test_without_transformers_a_sentence_says_how_to_get_it(tmp_path):
    if importlib.util.find_spec('transformers'):
        pytest.skip('transformers is installed')
    folder = tmp_path / 'text_encoder'
    folder.mkdir()
    said = run('encode_text', tmp_path, tmp_path / 'out.pth', '--classes', 'cat')
    assert 'pip install --target text transformers' in said and not (tmp_path / 'out.pth').exists()


@pytest.mark.parametrize('classes, sentence', [(' , ', 'There is no class'), ('cat,dog, Cat', "'cat' and 'Cat' are")])
def test_names_that_cannot_be_told_apart_are_refused(classes, sentence, tmp_path):
    assert sentence in run('encode_text', tmp_path, tmp_path / 'out.pth', '--classes', classes)


def beside_transformers(program, folder):
    """What a helper prints, in a process of its own: mmdet does not import beside transformers 5."""
    if not importlib.util.find_spec('transformers'):
        pytest.skip('transformers is not installed, and what it computes was recorded')
    tests = Path(__file__).resolve().parents[1]
    path = os.pathsep.join([str(tests), str(tests.parent), os.environ.get('PYTHONPATH', '')])
    return subprocess.run([sys.executable, tests / 'helpers' / program, folder], check=True, capture_output=True,
                          text=True, env=dict(os.environ, PYTHONPATH=path)).stdout


def test_the_recorded_pipelines_are_those_of_the_installed_transformers(tmp_path):
    beside_transformers('record_pipelines.py', tmp_path)
    for stored in sorted(DATA.glob('*.pth')):
        ours, theirs = (torch.load(folder / stored.name, weights_only=True) for folder in (DATA, tmp_path))
        assert set(ours) == set(theirs)
        for name in ours.get('state_dict', ours):
            torch.testing.assert_close(theirs.get('state_dict', theirs)[name], ours.get('state_dict', ours)[name],
                                       rtol=1e-5, atol=1e-5)


def test_text_that_does_not_fit_is_refused(tmp_path):
    said = beside_transformers('refused_text.py', tmp_path)
    for sentence in ('has 82 tokens and the text encoder takes 77', "'a photo' needs one {}",
                     'has no location tokens <l0>, <l1>, ...: give that of a GeoDiffusion',
                     'has 78 tokens and the text encoder takes 77', "'with {} in it' needs one {} at its end",
                     'has 8 location tokens, which are no square grid',
                     'lacks 1 weights of the text encoder that its config describes (final_layer_norm.weight)'):
        assert sentence in said.replace('text_model.', '')
    assert not (tmp_path / 'out.pth').exists()


def test_gates_are_those_of_the_file(pipeline, tmp_path):
    """A tiny pipeline whose gates were zero would test nothing."""
    assert convert(pipeline, tmp_path / 'out.pth') == ''
    theirs = UNet2DConditionModel.from_pretrained(pipeline / 'unet').state_dict()[GATE]
    assert float(theirs) != 0 and torch.equal(read(tmp_path / 'out.pth')[f'backbone.denoiser.unet.{GATE}'], theirs)
