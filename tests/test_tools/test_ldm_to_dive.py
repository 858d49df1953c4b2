"""The converter on a checkpoint and a YAML in the public formats; numbers are those of the original code."""
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from helpers.converters import run as convert
from mmengine.config import Config

from dive_mmdet.checkpoints.untrusted import UnreadableCheckpoint, load_untrusted
from dive_mmdet.diffusion.published.ldm_config import UnsupportedModel, generator_config
from dive_mmdet.registry import MODELS

ROOT = Path(__file__).parents[2]
DATA = ROOT / 'tests/data/ldm_layout2img'


def run(source, target, *options):
    """What the tool says when it stops."""
    return convert('ldm_to_dive', source, DATA / 'config.yaml', target, '--num-classes', 20, *options)


@pytest.fixture(scope='module')
def recorded():
    return {key: torch.from_numpy(value) for key, value in np.load(DATA / 'io.npz').items()}


@pytest.fixture
def values():
    return yaml.safe_load((DATA / 'config.yaml').read_text())


@pytest.fixture(scope='module')
def converted(tmp_path_factory):
    target = tmp_path_factory.mktemp('converted') / 'tiny.pth'
    assert run(DATA / 'model.ckpt', target) == ''
    return target


def build(converted):
    generator = MODELS.build(Config.fromfile(converted.with_suffix('.py')).generator)
    weights = torch.load(converted, weights_only=True)['state_dict']
    assert all(name.startswith('backbone.') for name in weights)
    generator.load_state_dict({name.removeprefix('backbone.'): value for name, value in weights.items()})
    return generator


def test_what_was_written_computes_what_the_original_did(converted, recorded):
    generator = build(converted)
    torch.testing.assert_close(generator.encode(recorded['images']), recorded['latents'], rtol=0, atol=5e-5)
    epsilon = generator.predict_noise(recorded['x_t'], recorded['t'], generator.embed(recorded['tokens']))
    torch.testing.assert_close(epsilon, recorded['eps_ema'], rtol=0, atol=5e-5)


@pytest.mark.parametrize('options, name', [(('--raw',), 'eps_raw'),
                                           (('--num-heads', '1', '2'), 'eps_ema_multihead_wrong')])
def test_options_compute_what_the_original_did_with_them(options, name, recorded, tmp_path):
    """The raw weights, and the heads that later code of the original makes of `num_head_channels`."""
    assert run(DATA / 'model.ckpt', tmp_path / 'other.pth', *options) == ''
    with torch.no_grad():
        generator = build(tmp_path / 'other.pth')
        epsilon = generator.predict_noise(recorded['x_t'], recorded['t'], generator.embed(recorded['tokens']))
    torch.testing.assert_close(epsilon, recorded[name], rtol=0, atol=5e-5)


def test_a_measured_scale_of_the_latents_is_kept(recorded, tmp_path):
    source = changed(tmp_path, lambda c: c['state_dict'].update(scale_factor=torch.tensor(0.5)))
    assert run(source, tmp_path / 'out.pth') == ''
    with torch.no_grad():
        latents = build(tmp_path / 'out.pth').encode(recorded['images'])
    torch.testing.assert_close(latents, 0.5 * recorded['latents'], rtol=0, atol=5e-5)


def test_sizes_follow_from_the_yaml(values):
    """Those of the released model, of which the tests hold no weights."""
    params = values['model']['params']
    released = {**values, 'model': dict(values['model'], params=dict(
        params,
        unet_config=dict(params=dict(params['unet_config']['params'], image_size=64, model_channels=128,
                                     attention_resolutions=[8, 4, 2], num_res_blocks=2, channel_mult=[1, 2, 3, 4],
                                     transformer_depth=3, context_dim=512)),
        cond_stage_config=dict(params=dict(n_embed=512, n_layer=16, vocab_size=8192, max_seq_len=92))))}
    config = generator_config(released, num_classes=601)
    assert config['denoiser'] == dict(
        type='dive_mmdet.SpatialTransformerUNet', sample_size=64, channels=3, base_channels=128,
        channel_mult=[1, 2, 3, 4], num_res_blocks=2, attention_downsampling=[2, 4, 8], transformer_depth=3,
        context_dim=512, num_heads=1)
    assert config['vocabulary']['num_objects'] == 30 and config['vocabulary']['encode_crop']
    assert config['condition'] == dict(type='dive_mmdet.TokenTransformer', row_dim=512, length=92, num_layers=16)
    assert config['prediction_type'] == 'epsilon'
    params['unet_config']['params']['channel_mult'] = [1, 2]  # the factors 4 and 8 name no level then
    params['unet_config']['params']['attention_resolutions'] = [8, 4, 2]
    assert generator_config(values, num_classes=601)['denoiser']['attention_downsampling'] == [2]


@pytest.mark.parametrize('path, value, sentence', [
    ('unet_config.params.use_spatial_transformer', False, 'use_spatial_transformer: False'),
    ('first_stage_config.params.ddconfig.attn_resolutions', [16], r'attn_resolutions: \[16\]'),
    ('cond_stage_config.params.max_seq_len', 13, '13 tokens is neither whole objects'),
    ('unet_config.params.channel_mult', [2, 4], r'channel_mult: \[2, 4\], and diffusers, .* multiplier of 1'),
    ('first_stage_config.params.ddconfig.ch_mult', [2, 2], r'ch_mult: \[2, 2\], and diffusers, .* multiplier of 1'),
    ('parameterization', 'v', 'parameterization: v; known are eps, x0'),
    ('unet_config.params.context_dim', None, "no 'context_dim'"),
])
def test_other_networks_are_refused(values, path, value, sentence):
    copy = yaml.safe_load(yaml.safe_dump(values))
    *steps, last = ['model', 'params', *path.split('.')]
    place = copy
    for step in steps:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    with pytest.raises(UnsupportedModel, match=sentence):
        generator_config(copy, 20)


def changed(tmp_path, change):
    checkpoint = torch.load(DATA / 'model.ckpt', weights_only=True)
    change(checkpoint)
    torch.save(checkpoint, tmp_path / 'changed.ckpt')
    return tmp_path / 'changed.ckpt'


@pytest.mark.parametrize('change, sentence', [
    (lambda c: c['state_dict'].pop('model_ema.diffusion_modeltime_embed0weight'), 'averaged weights'),
    (lambda c: c['state_dict'].pop('cond_stage_model.transformer.norm.weight'), 'condition.norm.weight'),
    (lambda c: c['state_dict'].pop('first_stage_model.encoder.conv_in.bias'), 'encoder.conv_in.bias'),
    (lambda c: c['state_dict'].pop('first_stage_model.decoder.up.2.upsample.conv.bias'),
     'decoder.up.2.upsample.conv.bias'),
    (lambda c: c['state_dict'].update({'model.diffusion_model.label_emb.weight': torch.zeros(1)}),
     'model_ema.diffusion_modellabel_embweight'),
    (lambda c: c['state_dict'].update({'discriminator.weight': torch.zeros(1)}), 'no place (discriminator.weight)'),
    (lambda c: c['state_dict']['alphas_cumprod'].mul_(0.9), 'another noise schedule'),
    (lambda c: c['state_dict'].update({'cond_stage_model.transformer.norm.extra': torch.zeros(1)}),
     'condition.norm.extra'),
    (lambda c: c.update(state_dict={'layer.weight': torch.zeros(1)}), 'No key of the checkpoint begins with'),
])
def test_checkpoints_that_do_not_fit_are_named_and_nothing_is_written(tmp_path, change, sentence):
    assert sentence in run(changed(tmp_path, change), tmp_path / 'out.pth')
    assert not list(tmp_path.glob('out*'))


def test_a_truncated_file_is_refused(tmp_path):
    (tmp_path / 'half.ckpt').write_bytes((DATA / 'model.ckpt').read_bytes()[:100_000])
    assert 'cannot be read' in run(tmp_path / 'half.ckpt', tmp_path / 'out.pth')
    assert not list(tmp_path.glob('out*'))


def save_with_global(path, module, name, weights):
    """A torch file whose pickle holds an instance of module.name, which need not be installed."""
    fake_module = type(sys)(module)
    fake = type(name, (), {'__module__': module})
    setattr(fake_module, name, fake)
    parts = module.split('.')
    added = ['.'.join(parts[:count]) for count in range(1, len(parts) + 1) if '.'.join(parts[:count]) not in
             sys.modules]
    for each in added:
        sys.modules[each] = type(sys)(each)
    original, sys.modules[module] = sys.modules.get(module), fake_module
    try:
        instance = fake()
        instance.best = 3
        torch.save(dict(weights, callbacks={fake: dict(best=1.0)}, hyper_parameters=instance), path)
    finally:
        sys.modules[module] = original
        for each in added:
            sys.modules.pop(each, None)


def test_objects_of_lightning_become_placeholders(tmp_path):
    checkpoint = torch.load(DATA / 'model.ckpt', weights_only=True)
    save_with_global(tmp_path / 'public.ckpt', 'pytorch_lightning.callbacks.model_checkpoint', 'ModelCheckpoint',
                     checkpoint)
    loaded = load_untrusted(tmp_path / 'public.ckpt')
    assert len(loaded['state_dict']) == 767 and not vars(loaded['hyper_parameters'])
    assert run(tmp_path / 'public.ckpt', tmp_path / 'out.pth') == ''


def test_other_objects_are_refused_by_name(tmp_path):
    save_with_global(tmp_path / 'other.ckpt', 'somewhere.else', 'Thing', {})
    with pytest.raises(UnreadableCheckpoint, match='somewhere.else.Thing'):
        load_untrusted(tmp_path / 'other.ckpt')


class Payload:
    """What an attacker would put into a file."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return open, (self.target, 'w')


def test_nothing_is_executed(tmp_path):
    torch.save(dict(state_dict={}, extra=Payload(str(tmp_path / 'made'))), tmp_path / 'bad.ckpt')
    (tmp_path / 'plain.pkl').write_bytes(pickle.dumps(Payload(str(tmp_path / 'made'))))
    for name in ('bad.ckpt', 'plain.pkl'):
        with pytest.raises(UnreadableCheckpoint):
            load_untrusted(tmp_path / name)
    assert not (tmp_path / 'made').exists()
