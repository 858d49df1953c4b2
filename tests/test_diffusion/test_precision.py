"""Mixed precision against the same computation in float32, which it must resemble and not be."""
import pytest
import torch
from torch import nn

from dive_mmdet.diffusion.precision import mixed_precision
from dive_mmdet.inversion import Likelihood
from dive_mmdet.registry import MODELS
from dive_mmdet.training import GeneratorModel
from dive_mmdet.training.denoising_loss import DenoisingLoss

BACKBONE = dict(
    type='dive_mmdet.LayoutGenerator', vocabulary=dict(num_classes=3, num_objects=2, grid=17), table=dict(dim=8),
    first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=1), schedule=dict(type='dive_mmdet.NoiseSchedule'),
    condition=dict(type='dive_mmdet.ObjectEncoder', row_dim=8, width=16, num_layers=1, num_heads=2),
    denoiser=dict(type='dive_mmdet.PatchTransformer', sample_size=16, channels=1, patch_size=4, width=16,
                  num_layers=2, num_heads=2, context_dim=16))
CPU = torch.device('cpu')


@pytest.fixture
def generator():
    torch.manual_seed(0)
    generator = MODELS.build(BACKBONE)
    for parameter in generator.denoiser.parameters():  # the last layer starts at zero
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return generator


def test_products_are_rounded_as_bfloat16_says():
    a, b = torch.full((1, 1), 1 + 2 ** -10), torch.ones(1, 1)
    with mixed_precision(CPU, 'bfloat16'):
        assert float(a @ b) == 1.0
    with mixed_precision(CPU, 'float32'):
        assert float(a @ b) == 1 + 2 ** -10


def test_energies_resemble_those_in_float32_and_do_not_depend_on_the_batch(generator):
    latents = torch.randn(4, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    rows = generator.embed(torch.randint(0, 17 * 17, (4, 6), generator=torch.Generator().manual_seed(2)))
    exact = Likelihood(generator, num_pairs=6).errors(latents, rows)
    rough = Likelihood(generator, num_pairs=6, precision='bfloat16')
    errors = rough.errors(latents, rows)
    assert errors.dtype == torch.float32 and not torch.equal(errors, exact)
    torch.testing.assert_close(errors, exact, rtol=0.02, atol=0)
    torch.testing.assert_close(rough.errors(latents, rows, batch_size=1), errors, rtol=0, atol=1e-5)


def test_gradients_of_a_training_step_resemble_those_in_float32(generator):
    images = torch.rand(8, 1, 16, 16, generator=torch.Generator().manual_seed(3)) * 2 - 1
    ids = generator.vocabulary.empty().repeat(8, 1)

    def gradients(precision):
        generator.zero_grad()
        with mixed_precision(CPU, precision):
            loss = DenoisingLoss(generator)(images, ids, torch.Generator().manual_seed(4))
        loss.backward()
        return loss.detach(), torch.cat([p.grad.flatten() for p in generator.parameters() if p.grad is not None])
    (exact, exact_grad), (rough, rough_grad) = gradients('float32'), gradients('bfloat16')
    assert rough.dtype == rough_grad.dtype == torch.float32 and not torch.equal(rough_grad, exact_grad)
    torch.testing.assert_close(rough, exact, rtol=0.01, atol=0)
    assert float(nn.functional.cosine_similarity(rough_grad, exact_grad, dim=0)) > 0.99


def test_an_unknown_precision_is_refused_before_anything_runs(generator):
    for build in (lambda: Likelihood(generator, precision='half'), lambda: GeneratorModel(BACKBONE, precision='half')):
        with pytest.raises(ValueError, match="Unknown precision 'half': use one of float32, tf32, bfloat16"):
            build()


def test_tf32_is_on_inside_and_as_it_was_outside():
    backends = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [backend.allow_tf32 for backend in backends]
    with mixed_precision(CPU, 'tf32'):
        assert all(backend.allow_tf32 for backend in backends)
        a, b = torch.full((1, 1), 1 + 2 ** -14), torch.ones(1, 1)
        assert float(a @ b) == 1 + 2 ** -14  # a CPU has no such products
    assert [backend.allow_tf32 for backend in backends] == before
