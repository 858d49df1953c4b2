"""What makes large generators affordable changes no number beyond rounding; compiling: test_compile.py."""
import copy

import pytest
import torch
from torch import nn

from dive_mmdet.compat import TORCH
from dive_mmdet.diffusion.checkpointing import BLOCKS
from dive_mmdet.diffusion.precision import mixed_precision
from dive_mmdet.inversion import Likelihood, Posterior
from dive_mmdet.registry import MODELS

LAYOUT = dict(
    type='dive_mmdet.LayoutGenerator', vocabulary=dict(num_classes=3, num_objects=2, grid=9), table=dict(dim=32),
    first_stage=dict(type='dive_mmdet.IdentityFirstStage'), schedule=dict(type='dive_mmdet.NoiseSchedule'),
    condition=dict(type='dive_mmdet.TokenTransformer', row_dim=32, length=6, num_layers=2))
GENERATORS = dict(
    unet=dict(LAYOUT, denoiser=dict(
        type='dive_mmdet.SpatialTransformerUNet', sample_size=16, channels=3, base_channels=32, channel_mult=[1, 2],
        num_res_blocks=1, attention_downsampling=[2], transformer_depth=1, context_dim=32)),
    patches=dict(LAYOUT, denoiser=dict(
        type='dive_mmdet.PatchTransformer', sample_size=16, channels=3, patch_size=4, width=16, num_layers=2,
        num_heads=2, context_dim=32)),
    dit=dict(
        type='dive_mmdet.ClassGenerator', num_classes=5, row_dim=16, first_stage=LAYOUT['first_stage'],
        schedule=LAYOUT['schedule'], denoiser=dict(
            type='dive_mmdet.DiT', sample_size=16, channels=3, patch_size=4, width=16, num_layers=2, num_heads=2)))


def build(name, device='cpu', **switches):
    torch.manual_seed(0)
    generator = MODELS.build(dict(GENERATORS[name], **switches))
    for parameter in generator.denoiser.parameters():  # last layers and gates start at zero
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return generator.requires_grad_(False).to(device)


def noise_and_gradient(generator, precision='float32'):
    random, device = torch.Generator().manual_seed(1), generator.table.weight.device
    x_t, t = torch.randn(3, 3, 16, 16, generator=random).to(device), torch.tensor([10, 300, 900], device=device)
    ids = torch.randint(5, (3, generator.vocabulary.length), generator=random).to(device)
    rows = generator.embed(ids).detach().requires_grad_()
    with mixed_precision(device, precision):
        noise = generator.predict_noise(x_t, t, rows)
    noise.square().mean().backward()
    return noise.detach(), rows.grad


@pytest.mark.parametrize('name, before', [('unet', 2), ('patches', 0), ('dit', 0)])
def test_checkpointing_computes_frozen_blocks_twice_and_the_same(name, before, device):
    """But for the blocks of the UNet `before` the rows enter it, which pass no gradient on."""
    generator, plain = build(name, device, checkpointing=True), build(name, device)
    calls = []
    blocks = [block for block in generator.modules() if isinstance(block, BLOCKS)]
    for block in blocks:
        block.norm1.register_forward_hook(lambda *_: calls.append(1)) if hasattr(block, 'norm1') else None
    torch.testing.assert_close(noise_and_gradient(generator), noise_and_gradient(plain), rtol=0, atol=0)
    normed = sum(hasattr(block, 'norm1') for block in blocks)
    assert normed and len(calls) == 2 * normed - before


@pytest.mark.parametrize('name', GENERATORS)
def test_checkpointing_in_bfloat16_computes_the_same(name, device):
    """The backward, outside of the mixed precision, repeats what was computed inside."""
    generator, plain = build(name, device, checkpointing=True), build(name, device)
    torch.testing.assert_close(noise_and_gradient(generator, 'bfloat16'), noise_and_gradient(plain, 'bfloat16'),
                               rtol=0, atol=0)


def test_a_copy_of_a_checkpointed_generator_runs_its_own_weights():
    """As the running average of a training is."""
    generator = build('unet', checkpointing=True)
    twin = copy.deepcopy(generator)
    for parameter in twin.denoiser.parameters():
        parameter.data.mul_(1.5)
    assert not torch.allclose(noise_and_gradient(twin)[0], noise_and_gradient(generator)[0], atol=1e-3)


@pytest.mark.parametrize('name', GENERATORS)
def test_channels_last_reorders_memory_alone(name, device):
    generator = build(name, device, channels_last=True)
    torch.testing.assert_close(noise_and_gradient(generator), noise_and_gradient(build(name, device)), rtol=1e-4,
                               atol=1e-5)
    kernels = [parameter for parameter in generator.denoiser.parameters() if parameter.dim() == 4]
    assert kernels and all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)
    state = build(name).state_dict()
    generator.load_state_dict(state)  # which keeps the format
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)


def test_a_bank_in_parts_is_the_whole_bank():
    generator = build('patches')
    random = torch.Generator().manual_seed(2)
    latents, ids = torch.randn(2, 3, 16, 16, generator=random), torch.randint(9, (2, 6), generator=random)
    found = []
    for size in (1, 3, 64):
        posterior = Posterior(Likelihood(generator, num_pairs=5), latents, batch_size=size)
        images = torch.arange(2)
        rows = generator.embed(ids)
        found.append((posterior.energy(images, ids), posterior.continuous_energy(images, rows),
                      posterior.gradient(images, rows, torch.arange(5))))
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(TORCH < (2, 3), reason='autocast on a CPU knows float16 since torch 2.3')
def test_float16_resembles_float32_and_tf32_is_switched_on_and_off():
    switches = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [switch.allow_tf32 for switch in switches]
    generator = build('patches')
    random = torch.Generator().manual_seed(3)
    latents, ids = torch.randn(4, 3, 16, 16, generator=random), torch.randint(9, (4, 6), generator=random)
    errors = {name: Likelihood(generator, num_pairs=6, precision=name).errors(latents, generator.embed(ids))
              for name in ('float32', 'tf32', 'float16')}
    assert errors['float16'].dtype == torch.float32 and not torch.equal(errors['float16'], errors['float32'])
    torch.testing.assert_close(errors['float16'], errors['float32'], rtol=0.005, atol=0)
    torch.testing.assert_close(errors['tf32'], errors['float32'], rtol=0, atol=0)  # on a CPU
    with mixed_precision(torch.device('cpu'), 'tf32'):
        assert all(switch.allow_tf32 for switch in switches)
    assert [switch.allow_tf32 for switch in switches] == before


def test_the_first_stage_is_never_trained():
    stage = dict(type='dive_mmdet.VQFirstStage', model=dict(
        down_block_types=['DownEncoderBlock2D'], up_block_types=['UpDecoderBlock2D'], block_out_channels=[8],
        norm_num_groups=4, num_vq_embeddings=16))
    generator = MODELS.build(dict(GENERATORS['patches'], first_stage=stage))
    assert not any(parameter.requires_grad for parameter in generator.first_stage.parameters())
    assert all(parameter.requires_grad for parameter in generator.denoiser.parameters())
    assert not generator.encode(torch.zeros(1, 3, 16, 16)).requires_grad
