"""A DiT in diffusers' format against diffusers' own network, told to compute as the public release does."""
import shutil

import pytest
import torch
from diffusers import AutoencoderKL, DiTTransformer2DModel
from helpers.converters import run
from mmengine.config import Config

from dive_mmdet.registry import MODELS


@pytest.fixture(scope='module')
def theirs():
    """Random weights everywhere, the blocks' copies alike, as a conversion by diffusers leaves them."""
    torch.manual_seed(0)
    network = DiTTransformer2DModel(num_attention_heads=2, attention_head_dim=8, out_channels=8, num_layers=3,
                                    sample_size=8, num_embeds_ada_norm=5).eval().requires_grad_(False)
    for parameter in network.parameters():
        parameter.copy_(0.2 * torch.randn(parameter.shape))
    for block in network.transformer_blocks[1:]:
        block.norm1.emb.load_state_dict(network.transformer_blocks[0].norm1.emb.state_dict())
    return network


@pytest.fixture(scope='module')
def pipeline(theirs, tmp_path_factory):
    folder = tmp_path_factory.mktemp('pipeline')
    theirs.save_pretrained(folder / 'transformer')
    AutoencoderKL(down_block_types=['DownEncoderBlock2D'] * 4, up_block_types=['UpDecoderBlock2D'] * 4,
                  block_out_channels=[32] * 4, norm_num_groups=8).save_pretrained(folder / 'vae')
    return folder


def as_published(network):
    """The two differences, undone."""
    for block in network.transformer_blocks:
        block.norm1.emb.time_proj.downscale_freq_shift = 0
        block.norm3.eps = 1e-6
    return network


@pytest.mark.parametrize('part', ['', 'transformer'])
def test_the_network_is_the_public_one(part, theirs, pipeline, tmp_path):
    options = () if not part else ('--first-stage', pipeline / 'vae')
    assert run('dit_to_dive', pipeline / part, tmp_path / 'dit.pth', *options) == ''
    generator = MODELS.build(Config.fromfile(tmp_path / 'dit.py').generator)
    state = torch.load(tmp_path / 'dit.pth', weights_only=True)['state_dict']
    generator.load_state_dict({name.removeprefix('backbone.'): value for name, value in state.items()})
    x_t, t, labels = torch.randn(4, 4, 8, 8), torch.tensor([3, 250, 700, 999]), torch.tensor([0, 4, 2, 5])
    with torch.no_grad():
        ours = generator.denoiser.predict_all(x_t, t, generator.embed(labels[:, None])[:, 0])
        unlike = theirs(x_t, t, labels).sample
        alike = as_published(DiTTransformer2DModel.from_pretrained(pipeline / 'transformer'))(x_t, t, labels).sample
    torch.testing.assert_close(ours, alike, rtol=1e-5, atol=1e-5)
    assert float((ours - unlike).abs().max()) > 1e-3
    assert generator.vocabulary.num_classes == 5 and generator.encode(torch.zeros(1, 3, 64, 64)).shape == (1, 4, 8, 8)


def changed(pipeline, tmp_path, change):
    folder = tmp_path / 'changed'
    shutil.copytree(pipeline / 'transformer', folder)
    network = DiTTransformer2DModel.from_pretrained(folder)
    weights = dict(network.state_dict())
    change(weights)
    (folder / 'diffusion_pytorch_model.safetensors').unlink()
    torch.save(weights, folder / 'diffusion_pytorch_model.bin')
    return folder


@pytest.mark.parametrize('change, sentence', [
    (lambda w: w.update({'extra.weight': torch.zeros(1)}), 'no place in a public DiT (extra.weight)'),
    (lambda w: w.pop('transformer_blocks.2.ff.net.2.bias'), "lacks 'transformer_blocks.2.ff.net.2.bias'"),
    (lambda w: w.pop('proj_out_2.weight'), "lacks 'proj_out_2.weight'"),
    (lambda w: w.update({'transformer_blocks.1.norm1.emb.class_embedder.embedding_table.weight': torch.zeros(6, 16)}),
     'different copies of class_embedder'),
])
def test_what_is_no_public_dit_is_refused_and_nothing_is_written(change, sentence, pipeline, tmp_path):
    said = run('dit_to_dive', changed(pipeline, tmp_path, change), tmp_path / 'out.pth', '--first-stage', 'identity')
    assert sentence in said and not list(tmp_path.glob('out*'))


def test_a_truncated_file_is_refused(pipeline, tmp_path):
    folder = shutil.copytree(pipeline / 'transformer', tmp_path / 'half')
    weights = folder / 'diffusion_pytorch_model.safetensors'
    weights.write_bytes(weights.read_bytes()[:5000])
    said = run('dit_to_dive', folder, tmp_path / 'out.pth', '--first-stage', 'identity')
    assert f'{weights} cannot be read' in said and not list(tmp_path.glob('out*'))


def test_a_directory_of_something_else_is_named(pipeline, tmp_path):
    said = run('dit_to_dive', pipeline / 'vae', tmp_path / 'out.pth', '--first-stage', 'identity')
    assert 'holds AutoencoderKL and no DiT' in said
    assert 'has no config.json' in run('dit_to_dive', tmp_path, tmp_path / 'out.pth', '--first-stage', 'identity')
    assert 'give --first-stage' in run('dit_to_dive', pipeline / 'transformer', tmp_path / 'out.pth')
