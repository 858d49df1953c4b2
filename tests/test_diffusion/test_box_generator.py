"""A generator that sees its layout in channels: what reaches what, and what does not fit is refused."""
import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from mmengine.runner import load_checkpoint, save_checkpoint

from dive_mmdet.checkpoints.loading import WeightsMismatch
from dive_mmdet.diffusion import LayoutGenerator
from dive_mmdet.inversion import Likelihood, Posterior


def generator_of(attention=True, detail=0, size=16, seed=0, channels=None, **changes):
    """Tiny and without a last layer of zeros, through which nothing would be seen."""
    torch.manual_seed(seed)
    condition = dict(type='dive_mmdet.ObjectEncoder', row_dim=5, width=16, num_layers=1, num_heads=2)
    generator = LayoutGenerator(**{**dict(
        vocabulary=dict(num_classes=3, num_objects=2, grid=size + 1),
        table=dict(type='dive_mmdet.CoordinateTable', class_dim=4),
        first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=1),
        schedule=dict(type='dive_mmdet.NoiseSchedule'),
        channels=dict(dict(type='dive_mmdet.BoxChannels', sample_size=size, class_dim=4), **channels or {}),
        condition=condition if attention else dict(type='dive_mmdet.NoContext'),
        denoiser=dict(type='dive_mmdet.PatchTransformer', sample_size=size, channels=1, patch_size=4, width=16,
                      num_layers=1, num_heads=2, context_dim=16 if attention else None, condition_channels=11,
                      detail=detail),
        prediction_type='sample'), **changes})
    for parameter in generator.denoiser.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return generator


def layouts(generator):
    boxes = torch.tensor([[0.1, 0.2, 0.5, 0.6], [0.6, 0.1, 0.9, 0.9]], dtype=torch.float64)
    return torch.stack([generator.tokenizer.encode(boxes, torch.tensor(labels)) for labels in ([0, 2], [1, 1])])


def noised(generator):
    random = torch.Generator().manual_seed(1)
    return torch.randn(2, *generator.latent_shape, generator=random), torch.tensor([300, 800])


SHAPES = [dict(), dict(attention=False), dict(detail=4), dict(attention=False, detail=4)]


@pytest.mark.parametrize('shape', SHAPES)
def test_boxes_and_classes_have_gradients(shape):
    generator = generator_of(**shape)
    rows = generator.embed(layouts(generator)).detach().requires_grad_()
    generator.predict_noise(*noised(generator), rows).square().mean().backward()
    corners = rows.grad.unflatten(1, (2, 3))[:, :, 1:, :2]
    assert bool((corners != 0).all()) and bool((rows.grad.unflatten(1, (2, 3))[:, :, 0] != 0).all())


@pytest.mark.parametrize('shape', SHAPES)
def test_the_order_of_objects_changes_nothing(shape):
    generator = generator_of(**shape)
    ids = layouts(generator)
    swapped = ids.unflatten(1, (2, 3)).flip(1).flatten(1)
    with torch.no_grad():
        noise, other = (generator.predict_noise(*noised(generator), generator.embed(each)) for each in (ids, swapped))
    torch.testing.assert_close(other, noise, rtol=1e-4, atol=1e-4)
    posterior = Posterior(Likelihood(generator.requires_grad_(False), num_pairs=2), noised(generator)[0])
    images = torch.arange(2)
    posterior.energy(images, ids)
    posterior.energy(images, swapped)
    assert posterior.nfe.tolist() == [2, 2]  # the other order is found in the cache


@pytest.mark.parametrize('attention', [False, True])
def test_the_network_is_that_of_diffusers(attention):
    """Its own forward and fused attention, over x_t and maps in one tensor."""
    generator = generator_of(attention=attention)
    assert any('attn2' in name or 'caption' in name for name, _ in generator.named_parameters()) == attention
    x_t, t = noised(generator)
    rows = generator.embed(layouts(generator))
    with torch.no_grad():
        found = generator.predict(x_t, t, rows)
        generator.denoiser.transformer.set_attn_processor(AttnProcessor2_0())
        expected = generator.denoiser.transformer(
            torch.cat([x_t, generator.channels(rows)], dim=1), encoder_hidden_states=generator.condition(rows),
            timestep=t, added_cond_kwargs={'resolution': None, 'aspect_ratio': None}).sample
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('shape', SHAPES)
def test_what_follows_under_equal_rows_is_drawn_once(shape):
    generator, drawn = generator_of(**shape), []
    generator.channels.register_forward_hook(lambda module, inputs, output: drawn.append(len(output)))
    one, other = generator.embed(layouts(generator)).detach()
    rows = torch.stack([one, one, one, other, other, one])
    random = torch.Generator().manual_seed(2)
    x_t, t = torch.randn(6, *generator.latent_shape, generator=random), torch.arange(6) * 100
    with torch.no_grad():
        found = generator.predict(x_t, t, rows)
        alone = torch.cat([generator.predict(x_t[[item]], t[[item]], rows[[item]]) for item in range(6)])
    assert drawn == [3] + 6 * [1]
    torch.testing.assert_close(found, alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(generator.predict(x_t, t, rows), found, rtol=1e-4, atol=1e-5)  # with gradients
    assert drawn[-1] == 6


def test_plain_attention_in_bfloat16_is_the_fused_one(monkeypatch):
    attention = generator_of(size=32).denoiser.transformer.transformer_blocks[0].attn1
    tokens = torch.randn(3, 50, 16, generator=torch.Generator().manual_seed(0))
    expected, fused = AttnProcessor2_0()(attention, tokens), torch.nn.functional.scaled_dot_product_attention
    calls = []
    monkeypatch.setattr('torch.nn.functional.scaled_dot_product_attention',
                        lambda *args, **kwargs: calls.append(1) or fused(*args, **kwargs))
    with torch.no_grad():
        assert torch.equal(attention(tokens), expected) and len(calls) == 1
        with torch.autocast('cpu', torch.bfloat16):
            mixed = attention(tokens)
        whole = attention.bfloat16()(tokens.bfloat16())
    assert len(calls) == 1 and mixed.dtype == whole.dtype == torch.bfloat16
    for found in (mixed, whole):
        torch.testing.assert_close(found.float(), expected.detach(), rtol=0.02, atol=0.02 * float(expected.abs().max()))


def test_detail_sees_the_image_at_full_resolution():
    """Three convolutions reach three pixels, past the patch that a pixel lies in."""
    generator = generator_of(detail=4)
    x_t, t = noised(generator)
    rows, features = generator.embed(layouts(generator)).detach(), torch.zeros(2, 4, 16, 16)
    generator.denoiser._transformed = lambda *_: features
    leaf = x_t.clone().requires_grad_()
    generator.predict(leaf, t, rows)[0, 0, 8, 8].backward()
    reached = (leaf.grad[0, 0] != 0).nonzero()
    assert reached.min(dim=0).values.tolist() == [5, 5] and reached.max(dim=0).values.tolist() == [11, 11]


@pytest.mark.parametrize('shape', SHAPES)
def test_weights_round_trip(shape, tmp_path):
    one, other = generator_of(**shape), generator_of(seed=1, **shape)
    save_checkpoint(dict(state_dict=one.state_dict()), str(tmp_path / 'generator.pth'))
    load_checkpoint(other, str(tmp_path / 'generator.pth'))
    rows = one.embed(layouts(one))
    with torch.no_grad():
        assert torch.equal(one.predict(*noised(one), rows), other.predict(*noised(one), other.embed(layouts(one))))
    assert not any(name.startswith('channels') for name in one.state_dict())


def test_a_checkpoint_with_a_table_of_corners_is_refused(tmp_path):
    old = generator_of(table=dict(dim=5), channels=dict(class_dim=4))
    save_checkpoint(dict(state_dict=old.state_dict()), str(tmp_path / 'old.pth'))
    with pytest.raises(WeightsMismatch, match='is of a generator that looks corners up in a table of 293 rows, and '
                                              'this config computes them from coordinates: take the weights that'):
        load_checkpoint(generator_of(), str(tmp_path / 'old.pth'))


@pytest.mark.parametrize('changes, sentence', [
    (dict(channels=dict(class_dim=3)), r'drawn in 10 channels and the denoiser wants 11: set its condition_channels '
                                       'to 10'),
    (dict(channels=dict(sample_size=8)), 'drawn for latents of side 8 and the denoiser has a side of 16')])
def test_channels_that_do_not_fit_are_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        generator_of(**changes)


def test_a_first_stage_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r'Images of \(3, 8, 8\) give latents of \(1, 8, 8\) and the denoiser wants '
                                         r'\(1, 16, 16\)'):
        generator_of().encode(torch.zeros(1, 3, 8, 8))


def test_a_search_that_leaves_the_numbers_is_told():
    generator = generator_of().requires_grad_(False)
    rows = generator.embed(layouts(generator))
    rows[1, 4] = float('inf')
    with pytest.raises(ValueError, match='A box or class vector is not finite'):
        generator.predict_noise(*noised(generator), rows)
