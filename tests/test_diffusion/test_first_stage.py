"""First stages: scale, quantisation and where weights come from, on autoencoders of a few thousand parameters."""
import pytest
import torch
from torch import nn

from dive_mmdet.diffusion import IdentityFirstStage, KLFirstStage, VQFirstStage

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
    nn.init.normal_(stage.autoencoder.quantize.embedding.weight, generator=torch.Generator().manual_seed(1))
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


def test_a_file_that_diffusers_cannot_read_is_refused(tmp_path):
    path = tmp_path / 'vq.safetensors'
    path.write_bytes(b'')
    with pytest.raises(ValueError, match='a VQModel from a directory alone: save it with save_pretrained'):
        VQFirstStage(pretrained=str(path))
