"""First stages: scale, quantisation and where weights come from, on autoencoders of a few thousand parameters."""
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dive_mmdet.diffusion import IdentityFirstStage, KLFirstStage, VQFirstStage

LAYOUT2IMG = Path(__file__).resolve().parents[1] / 'data' / 'ldm_layout2img'
TINY = dict(
    in_channels=3, out_channels=3, down_block_types=['DownEncoderBlock2D'] * 2, up_block_types=['UpDecoderBlock2D'] * 2,
    block_out_channels=[8, 8], layers_per_block=1, norm_num_groups=4, sample_size=16)
KL = dict(**TINY, latent_channels=4)
VQ = dict(**TINY, latent_channels=3, num_vq_embeddings=16, vq_embed_dim=3)


@pytest.fixture
def images():
    return torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_pixel_space_returns_the_image(images):
    stage = IdentityFirstStage()
    assert torch.equal(stage.encode(images), images) and torch.equal(stage.decode(images), images)


def test_grey_pixel_space_averages_the_colours_and_repeats_grey(images):
    stage = IdentityFirstStage(channels=1)
    latents = stage.encode(images)
    torch.testing.assert_close(latents, (images[:, :1] + images[:, 1:2] + images[:, 2:]) / 3)
    decoded = stage.decode(latents)
    assert decoded.shape == images.shape and torch.equal(decoded[:, 0], decoded[:, 2])


def test_grey_images_enter_a_colour_space():
    assert IdentityFirstStage().encode(torch.zeros(1, 1, 4, 4)).shape == (1, 3, 4, 4)


def test_pixel_space_refuses_other_channels():
    with pytest.raises(ValueError, match='Pixel space has 1 or 3 channels, not 2'):
        IdentityFirstStage(channels=2)
    with pytest.raises(ValueError, match='Images must have 1 or 3 channels, not 4'):
        IdentityFirstStage().encode(torch.zeros(1, 4, 2, 2))


def test_kl_latents_are_the_scaled_posterior_mean(images):
    stage = KLFirstStage(model=KL, scale_factor=0.5).eval()
    with torch.no_grad():
        mean, _ = stage.autoencoder.quant_conv(stage.autoencoder.encoder(images)).chunk(2, dim=1)
        latents = stage.encode(images)
        torch.testing.assert_close(latents, 0.5 * mean)
        decoded = stage.autoencoder.decoder(stage.autoencoder.post_quant_conv(mean))
        torch.testing.assert_close(stage.decode(latents), decoded)
    assert latents.shape == (2, 4, 8, 8) and decoded.shape == images.shape


def test_vq_encodes_without_the_codebook_and_decodes_through_it(images):
    stage = VQFirstStage(model=VQ, scale_factor=2.0).eval()
    with torch.no_grad():
        stage.autoencoder.quantize.embedding.weight.normal_(generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        latents = stage.encode(images)
        plain = stage.autoencoder.quant_conv(stage.autoencoder.encoder(images))
        torch.testing.assert_close(latents, 2 * plain)
        codes = stage.autoencoder.quantize.embedding.weight
        flat = plain.movedim(1, 3).reshape(-1, 3)
        nearest = codes[(flat[:, None] - codes).square().sum(2).argmin(1)].view(2, 8, 8, 3).movedim(3, 1)
        assert not torch.allclose(nearest, plain, atol=1e-2)
        decoded = stage.autoencoder.decoder(stage.autoencoder.post_quant_conv(nearest))
        torch.testing.assert_close(stage.decode(latents), decoded)


@pytest.mark.parametrize('stage, arguments', [(KLFirstStage, KL), (VQFirstStage, VQ)])
def test_a_saved_directory_gives_the_same_first_stage(tmp_path, images, stage, arguments):
    built = stage(model=arguments)
    built.autoencoder.save_pretrained(tmp_path)
    loaded = stage(pretrained=str(tmp_path))
    with torch.no_grad():
        assert torch.equal(loaded.eval().encode(images), built.eval().encode(images))


@pytest.mark.parametrize('stage, name', [(KLFirstStage, 'AutoencoderKL'), (VQFirstStage, 'VQModel')])
def test_a_missing_path_is_named(tmp_path, stage, name):
    path = tmp_path / 'nothing'
    with pytest.raises(FileNotFoundError, match=f'No first stage at {path}: put a diffusers {name} directory'):
        stage(pretrained=str(path))


@pytest.mark.parametrize('arguments', [{}, dict(model=KL, pretrained='somewhere')])
def test_exactly_one_source_of_weights(arguments):
    with pytest.raises(ValueError, match='A first stage needs either model=dict'):
        KLFirstStage(**arguments)


@pytest.fixture(scope='module')
def published():
    """The first stage of a public layout model, in small, under the original names."""
    weights = torch.load(LAYOUT2IMG / 'model.ckpt', weights_only=True)['state_dict']
    return {key.removeprefix('first_stage_model.'): value for key, value in weights.items()
            if key.startswith('first_stage_model.')}


@pytest.fixture(scope='module')
def recorded():
    return {key: torch.from_numpy(value) for key, value in np.load(LAYOUT2IMG / 'io.npz').items()}


@pytest.mark.parametrize('prefix, suffix', [('', 'ckpt'), ('first_stage_model.', 'safetensors')])
def test_a_single_file_computes_what_the_original_did(tmp_path, published, recorded, prefix, suffix):
    """Sizes follow from the weights; a training's losses are left where they are; numbers are the original code's."""
    weights = {prefix + key: value.clone() for key, value in published.items()} | {'loss.logvar': torch.zeros(1)}
    path = tmp_path / f'vq.{suffix}'
    save_file(weights, path) if suffix == 'safetensors' else torch.save(dict(state_dict=weights), path)
    stage = VQFirstStage(pretrained=str(path)).eval()
    with torch.no_grad():
        torch.testing.assert_close(stage.encode(recorded['images']), recorded['latents'], rtol=0, atol=5e-5)
        torch.testing.assert_close(stage.decode(recorded['latents']), recorded['decoded'], rtol=0, atol=5e-5)


def test_a_single_file_without_codebook_is_a_kl_autoencoder(tmp_path, published, recorded):
    """The same network, whose last convolution gives a mean and a variance."""
    weights = {key: value.clone() for key, value in published.items() if not key.startswith('quantize.')}
    for key in ('quant_conv.weight', 'quant_conv.bias', 'encoder.conv_out.weight', 'encoder.conv_out.bias'):
        weights[key] = torch.cat([weights[key], torch.zeros_like(weights[key])])
    weights['quant_conv.weight'] = torch.cat([weights['quant_conv.weight'], torch.zeros(6, 3, 1, 1)], dim=1)
    torch.save(weights, tmp_path / 'kl.pt')
    stage = KLFirstStage(pretrained=str(tmp_path / 'kl.pt'), scale_factor=2.0).eval()
    with torch.no_grad():
        torch.testing.assert_close(stage.encode(recorded['images']), 2 * recorded['latents'], rtol=0, atol=1e-4)


def test_a_first_level_wider_than_the_base_is_named_as_the_cause(tmp_path, published):
    """The original's encoder begins with the base width whatever the first multiplier is."""
    weights = dict(published)
    weights['encoder.conv_in.weight'] = weights['encoder.conv_in.weight'][:16].clone()
    torch.save(weights, tmp_path / 'wide.pt')
    with pytest.raises(ValueError, match='of base width 16 whose first level has 32 channels, and diffusers, .* of 1:'):
        VQFirstStage(pretrained=str(tmp_path / 'wide.pt'))


def test_files_of_another_kind_are_refused(tmp_path, published):
    torch.save(dict(published), tmp_path / 'vq.pt')
    with pytest.raises(ValueError, match='holds no KL autoencoder under the names of latent diffusion'):
        KLFirstStage(pretrained=str(tmp_path / 'vq.pt'))
    torch.save(VQFirstStage(model=VQ).autoencoder.state_dict(), tmp_path / 'diffusers.pt')
    with pytest.raises(ValueError, match="where it has diffusers' names, give its directory"):
        VQFirstStage(pretrained=str(tmp_path / 'diffusers.pt'))
