"""A compiled generator against the same one run as it is written."""
import torch
from torch import nn

from dive_mmdet.registry import MODELS

CONFIG = dict(
    type='dive_mmdet.LayoutGenerator', vocabulary=dict(num_classes=3, num_objects=2, grid=17), table=dict(dim=8),
    first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=1), schedule=dict(type='dive_mmdet.NoiseSchedule'),
    condition=dict(type='dive_mmdet.ObjectEncoder', row_dim=8, width=16, num_layers=1, num_heads=2),
    denoiser=dict(type='dive_mmdet.PatchTransformer', sample_size=16, channels=1, patch_size=4, width=16,
                  num_layers=1, num_heads=2, context_dim=16))


def generator(seed: int, **settings) -> nn.Module:
    torch.manual_seed(seed)
    built = MODELS.build(dict(CONFIG, **settings))
    for parameter in built.denoiser.parameters():  # the last layer starts at zero
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return built


def query() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(1)
    x_t, t = torch.randn(3, 1, 16, 16, generator=random), torch.tensor([10, 300, 900])
    return x_t, t, torch.randint(17 * 17, (3, 6), generator=random)


def test_compiling_changes_speed_alone(device):
    plain, compiled = generator(0).to(device), generator(0, compile=True).to(device)
    compiled.load_state_dict(plain.state_dict())  # under the same names
    x_t, t, ids = (part.to(device) for part in query())
    frames = torch._dynamo.utils.counters['stats']
    before = frames['unique_graphs']
    gradients = []
    for model in (plain, compiled):
        rows = model.embed(ids).detach().requires_grad_()
        noise = model.predict_noise(x_t, t, rows)
        noise.square().mean().backward()
        gradients.append((noise.detach(), rows.grad))
    assert frames['unique_graphs'] > before
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-5)


def test_a_frozen_network_forgets_its_program_with_its_weights():
    """Packed weights are constants of the program: another checkpoint must not be answered with the first one's."""
    first, second = generator(0), generator(1)
    compiled = generator(2, compile=True).requires_grad_(False)
    x_t, t, ids = query()
    for plain in (first, second, first):
        compiled.load_state_dict(plain.state_dict())
        with torch.no_grad():
            expected, found = (model.predict_noise(x_t, t, model.embed(ids)) for model in (plain, compiled))
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_weights_that_may_change_are_not_packed():
    trained = generator(0, compile=True)
    x_t, t, ids = query()
    with torch.no_grad():
        before = trained.predict_noise(x_t, t, trained.embed(ids))
        for parameter in trained.denoiser.parameters():  # as an optimiser does
            parameter.mul_(0.5)
        expected = generator(3)
        expected.load_state_dict(trained.state_dict())
        after = trained.predict_noise(x_t, t, trained.embed(ids))
        torch.testing.assert_close(after, expected.predict_noise(x_t, t, expected.embed(ids)), rtol=1e-4, atol=1e-5)
    assert float((after - before).abs().max()) > 1e-2
