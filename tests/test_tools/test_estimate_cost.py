"""The planner's figures against counts by hand, a measured run, and what searches report."""
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from dive_mmdet.analysis.peak_memory import PeakMemory
from dive_mmdet.compat import TORCH
from dive_mmdet.inversion import Likelihood, Posterior
from dive_mmdet.registry import MODELS

pytestmark = pytest.mark.skipif(TORCH < (2, 3), reason='planning a search needs torch 2.3')
ROOT = Path(__file__).resolve().parents[2]
GENERATOR = dict(
    type='dive_mmdet.LayoutGenerator', vocabulary=dict(num_classes=3, num_objects=2, grid=17), table=dict(dim=8),
    first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=1), schedule=dict(type='dive_mmdet.NoiseSchedule'),
    condition=dict(type='dive_mmdet.ObjectEncoder', row_dim=8, width=64, num_layers=1, num_heads=2),
    denoiser=dict(type='dive_mmdet.PatchTransformer', sample_size=64, channels=1, patch_size=4, width=64,
                  num_layers=3, num_heads=2, context_dim=64))


def measured(generator, batch, gradient):
    """Peak of what torch's profiler saw allocated and freed, in bytes."""
    x_t, t = torch.randn(batch, 1, 64, 64), torch.zeros(batch, dtype=torch.long)
    rows = torch.randn(batch, 6, 8, requires_grad=gradient)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as run, torch.set_grad_enabled(gradient):
        error = generator.predict_noise(x_t, t, rows).float().square().mean()
        if gradient:
            error.backward()
    live = peak = 0
    for event in run.profiler.kineto_results.events():
        live += event.nbytes() if event.name() == '[memory]' else 0
        peak = max(peak, live)
    return peak


@pytest.mark.parametrize('gradient, checkpointing', [(False, False), (True, False), (True, True)])
def test_peak_memory_is_what_a_real_run_allocates(gradient, checkpointing):
    from estimate_cost import peak_bytes, without_storage
    config = dict(GENERATOR, checkpointing=checkpointing)
    with without_storage(config) as generator:
        planned = peak_bytes(generator, 32, 'float32', gradient)
    real = measured(MODELS.build(config).requires_grad_(False), 32, gradient)
    assert planned == pytest.approx(real, rel=0.1) and real > 10 * 2 ** 20


def test_operations_of_a_linear_layer_and_of_attention_by_hand():
    from dive_mmdet.analysis.peak_memory import flop_counter
    x = torch.randn(2, 3, 5, 8)
    with flop_counter() as counted:
        nn.Linear(8, 7)(x)
    assert counted.get_total_flops() == 2 * (2 * 3 * 5) * 8 * 7
    with flop_counter() as counted:
        nn.functional.scaled_dot_product_attention(x, x, x)
    assert counted.get_total_flops() == 2 * (2 * (2 * 3) * 5 * 5 * 8)


def test_weights_and_their_views_are_not_counted():
    layer = nn.Linear(1000, 1000)
    with PeakMemory(layer) as memory, torch.no_grad():
        layer.weight.t()
        torch.empty(300, dtype=torch.float64)
        torch.empty(100, dtype=torch.float64)
    assert memory.peak == 300 * 8 and memory.live == 0


@pytest.mark.parametrize('inverter, pairs, classes, nfe', [
    (dict(type='dive_mmdet.GradientInverter', loops=20), 250, 1000, 20_000),  # the published figure
    (dict(type='dive_mmdet.ExhaustiveEnumeration'), 250, 1000, 250_000),
    (dict(type='dive_mmdet.AdaptiveEnumeration', race=dict(pairs=[25], keep=[5])), 250, 1000, 25_000 + 5 * 225),
    (dict(type='dive_mmdet.AdaptiveEnumeration', race=dict(pairs=[1, 4], keep=[8, 1])), 50, 1000, 1000 + 8 * 3),
    (dict(type='dive_mmdet.ShortlistInverter', candidates=24, race=dict(pairs=[2], keep=[3])), 50, 1000,
     8 * 3 + 24 * 2 + 3 * 48),
    (dict(type='dive_mmdet.ShortlistInverter', candidates=24, race={}, max_nfe=1000), 50, 1000, 1000),
    (dict(type='dive_mmdet.AdaptiveEnumeration', race={}, max_nfe=300), 50, 10, 300),
    (dict(type='dive_mmdet.GradientInverter', loops=2, candidates=3), 50, 1000, 2 * (3 * 50 + 4 * 50)),
    (dict(type='dive_mmdet.LayoutInverter', max_nfe=300), 16, 10, 300),
    (dict(type='dive_mmdet.LayoutInverter'), 16, 10, None),
])
def test_evaluations_follow_from_the_config(inverter, pairs, classes, nfe):
    from estimate_cost import evaluations
    assert evaluations(inverter, pairs, classes) == nfe


def test_it_prints_what_a_config_costs(monkeypatch, capsys):
    import estimate_cost
    monkeypatch.setattr(sys, 'argv', ['estimate_cost.py', str(ROOT / 'configs/dive/dive_digit-scenes.py'),
                                      '--nfe', '4000', '--tflops', '0.1', '--batches', '1', '4'])
    estimate_cost.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith('parameters: 1.6 M (table 0.0 M, denoiser 1.6 M') and 'GFLOP an evaluation' in lines[1]
    operations, hours = float(lines[1].split()[1]) * 1e9, float(lines[3].split()[2])
    assert lines[2].startswith('evaluations an image: 4,000')
    assert hours == pytest.approx(operations * 4000 * 1000 / 0.1e12 / 3600, rel=0.05)
    memory = [float(line.split(': ')[1].split()[0]) for line in lines[4:]]
    assert len(memory) == 2 and 1.6e6 * 4 / 2 ** 30 < memory[0] + 0.005 and memory[0] <= memory[1]


def test_a_search_needs_no_more_memory_than_is_planned():
    """Evaluations of a batch, or a backward of fewer; all else that a search holds is small beside them."""
    from estimate_cost import backward_at_once, peak_bytes, without_storage
    inverter = dict(type='dive_mmdet.LayoutInverter', anchors=dict(scales=[0.5], ratios=[1.0]), max_nfe=600,
                    rearrange=dict(rounds=1), rescore=dict(rungs=(2, 4)))
    with without_storage(GENERATOR) as planned:
        back = backward_at_once(dict(model=dict(inverter=inverter, objective=dict(num_pairs=4)),
                                     test_dataloader=dict(batch_size=2)), 16)
        most = max(peak_bytes(planned, 16, 'float32', False), peak_bytes(planned, back, 'float32', True))
    torch.manual_seed(0)
    generator = MODELS.build(GENERATOR).requires_grad_(False)
    posterior = Posterior(Likelihood(generator, num_pairs=4), torch.rand(2, 1, 64, 64), batch_size=16)
    search = MODELS.build(inverter)
    with PeakMemory(generator) as memory, torch.no_grad():
        found = search.invert(posterior)
    assert int(found.nfe.min()) > 50 and 0.5 * most < memory.peak <= 1.1 * most


@pytest.mark.parametrize('batch, images, evaluations', [(128, 4, 8 * 4), (128, 32, 8 * 8), (1, 4, 8)])
def test_the_search_takes_gradients_of_a_layout_an_image(batch, images, evaluations):
    """On 8 pairs at most, and no more together than half of what is evaluated together, but one layout's."""
    from estimate_cost import backward_at_once
    inverter = dict(type='dive_mmdet.LayoutInverter', anchors=dict(scales=[0.5], ratios=[1.0]), boxes=dict(pairs=4),
                    rescore=dict(rungs=[8, 16]))
    config = dict(model=dict(inverter=inverter, objective=dict(num_pairs=16)),
                  test_dataloader=dict(batch_size=images))
    assert backward_at_once(config, batch) == evaluations
    config['model']['inverter'] = dict(type='dive_mmdet.GradientInverter')
    assert backward_at_once(config, batch) == batch


def test_a_search_is_measured_on_painted_scenes(monkeypatch, capsys):
    import estimate_cost
    config = str(ROOT / 'configs/dive/dive_digit-scenes.py')
    monkeypatch.setattr(sys, 'argv', ['estimate_cost.py', config, '--objects', '1', '--batches', '8'])
    estimate_cost.main()
    measured, stated, memory = capsys.readouterr().out.splitlines()[2:]
    words = measured.split()
    least, most = (int(words[place].replace(',', '')) for place in (6, 8))
    assert measured.startswith('3 painted scenes of 1 objects: ') and 'without a bound' in measured
    assert 0 < least <= int(stated.split()[3].rstrip(',').replace(',', '')) <= most
    assert 'batch 8: ' in memory and 'with a backward ' in memory


def test_objects_are_for_searches_that_depend_on_them(monkeypatch):
    import estimate_cost
    config = str(ROOT / 'configs/dive/dive_gradient_digit-scenes.py')
    monkeypatch.setattr(sys, 'argv', ['estimate_cost.py', config, '--objects', '1'])
    with pytest.raises(SystemExit, match='GradientInverter costs the same for all images: leave out --objects.'):
        estimate_cost.main()


@pytest.mark.parametrize('size, gigamacs', [(256, 118.6), (512, 524.6)])
def test_the_published_network_costs_what_its_paper_says(size, gigamacs, monkeypatch, capsys):
    """DiT-XL/2 (arXiv 2212.09748, tables 4 and 9), in multiply-adds; its first stage is not there."""
    import estimate_cost
    monkeypatch.chdir(ROOT / 'tests')
    config = ROOT / f'configs/dive_cls/dit-xl-2_{size}_imagenet.py'
    monkeypatch.setattr(sys, 'argv', ['estimate_cost.py', str(config), '--tflops', '100', '--batches', '1'])
    estimate_cost.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith('without the first stage weights/sd-vae-ft-ema')
    assert float(lines[1].split()[1]) == pytest.approx(2 * gigamacs, rel=1e-3)
    assert lines[2].startswith('evaluations an image: 20,000')


def test_a_first_stage_that_is_there_is_counted(tmp_path):
    from diffusers import AutoencoderKL
    from estimate_cost import plannable, without_storage
    stage = AutoencoderKL(block_out_channels=(32,))
    stage.save_pretrained(tmp_path)
    there = dict(GENERATOR, first_stage=dict(type='dive_mmdet.KLFirstStage', pretrained=str(tmp_path)))
    config, left_out = plannable(there)
    with without_storage(config) as generator:
        count = sum(parameter.numel() for parameter in generator.first_stage.parameters())
    assert count == sum(parameter.numel() for parameter in stage.parameters()) and not left_out
