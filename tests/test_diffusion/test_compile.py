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


def test_compiling_changes_speed_alone():
    torch.manual_seed(0)
    plain, compiled = MODELS.build(CONFIG), MODELS.build(dict(CONFIG, compile=True))
    for parameter in plain.denoiser.parameters():  # the last layer starts at zero
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    compiled.load_state_dict(plain.state_dict())  # under the same names
    random = torch.Generator().manual_seed(1)
    x_t, t = torch.randn(3, 1, 16, 16, generator=random), torch.tensor([10, 300, 900])
    ids = torch.randint(17 * 17, (3, 6), generator=random)
    frames = torch._dynamo.utils.counters['stats']
    before = frames['unique_graphs']
    gradients = []
    for generator in (plain, compiled):
        rows = generator.embed(ids).detach().requires_grad_()
        noise = generator.predict_noise(x_t, t, rows)
        noise.square().mean().backward()
        gradients.append((noise.detach(), rows.grad))
    assert frames['unique_graphs'] > before
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-5)
