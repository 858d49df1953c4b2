"""What a DIVE config costs before it is run: parameters, floating-point operations, hours and memory.

    python tools/analysis_tools/estimate_cost.py CONFIG [--nfe 20000 | --objects 10] [--tflops 100] [--batches 1 8 64]

No weights are needed: the network runs on tensors without storage, and a first stage whose files are not there yet is
left out, which the first line says. NFE are evaluations of the network an image, a backward counted as two;
enumerations and the published inversion say how many they need. The search for layouts is told with --nfe, or measured:
with the config's settings and vocabulary it searches scenes of so many --objects, painted by a generator in closed
form, whose energies are clearer than a network's. --tflops is what the machine sustains on this network, a fraction of
what its maker states. Memory is that of weights and tensors; add what the framework itself takes.
"""
import argparse
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dive_mmdet.threads  # noqa: F401  before torch

import torch
from mmengine.config import DictAction
from torch._subclasses.fake_tensor import FakeTensorMode

from dive_mmdet.analysis.peak_memory import PeakMemory, flop_counter
from dive_mmdet.analysis.search_cost import planned_cost
from dive_mmdet.arguments import at_least_one
from dive_mmdet.compat import TORCH
from dive_mmdet.diffusion.conditional import ConditionalGenerator
from dive_mmdet.diffusion.precision import mixed_precision
from dive_mmdet.engine.configured import load_config
from dive_mmdet.inversion import LayoutInverter
from dive_mmdet.inversion.posterior import gradients_at_once
from dive_mmdet.registry import MODELS

GIB = 2 ** 30
PAINTED = 'LayoutInverter'  # a search whose cost depends on the image
SCENES, OBJECTS = 3, 10  # painted, and on each by default


def plannable(config: Mapping) -> tuple[Mapping, str]:
    """Config of a generator that builds without files, and what was left out of it for that."""
    files = config['first_stage'].get('pretrained')
    if files is None or Path(files).exists():
        return config, ''
    return dict(config, first_stage=dict(type='dive_mmdet.IdentityFirstStage')), f', without the first stage {files}'


@contextmanager
def without_storage(config: Mapping) -> Iterator[ConditionalGenerator]:
    """A frozen generator that takes no memory, on a CPU as far as its operations can tell."""
    with torch.device('meta'), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # diffusers: weights of files go nowhere
        generator = MODELS.build(config)
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield generator.to_empty(device='cpu').eval().requires_grad_(False)


def operations(generator: ConditionalGenerator, precision: str) -> float:
    """FLOPs of one network evaluation."""
    with flop_counter() as flops:
        evaluate(generator, 1, precision, False)
    return flops.get_total_flops()


def peak_bytes(generator: ConditionalGenerator, batch: int, precision: str, gradient: bool) -> int:
    """Peak beside the weights of network evaluations at once, with their backward if `gradient`."""
    # Not counted together: what torch's counter of operations holds on to would look as if checkpointing saved little.
    with PeakMemory(generator) as memory:
        evaluate(generator, batch, precision, gradient)
    return memory.peak


def evaluate(generator: ConditionalGenerator, batch: int, precision: str, gradient: bool) -> None:
    """Evaluations of the network as a search makes them."""
    device = generator.table.weight.device
    x_t = torch.randn(batch, *generator.latent_shape, device=device)
    t = torch.zeros(batch, dtype=torch.long, device=device)
    rows_per_id = generator.table.weight.shape[1:-1].numel()  # one, or those of a prompt
    rows = torch.randn(batch, generator.vocabulary.length * rows_per_id, generator.table.dim, device=device,
                       requires_grad=gradient)
    with torch.set_grad_enabled(gradient):
        with mixed_precision(device, precision):
            error = generator.predict_noise(x_t, t, rows).float().square().mean()
        if gradient:
            error.backward()


def kind_of(inverter: Mapping) -> str:
    """Name of its class."""
    return inverter['type'].rpartition('.')[2]


def backward_at_once(config: Mapping, batch: int) -> int:
    """Evaluations whose backward is taken together, where `batch` are evaluated at once.

    The search for layouts takes gradients of one layout an image.
    """
    if kind_of(config['model']['inverter']) != PAINTED:
        return batch
    search = LayoutInverter(**{key: value for key, value in config['model']['inverter'].items() if key != 'type'})
    pairs = min(search.gradient_pairs, config['model']['objective']['num_pairs'])
    return pairs * min(config['test_dataloader']['batch_size'], gradients_at_once(batch, pairs))


def evaluations(inverter: Mapping, num_pairs: int, num_classes: int) -> int | None:
    """NFE an image at most, None where the search decides; without the evidence that the published inversion adds."""
    kind = kind_of(inverter)
    if kind == 'GradientInverter':
        # A step is a forward and a backward; the monitor evaluates the bank once a loop, and every candidate too.
        loop = num_pairs * (3 + 1 + inverter.get('candidates', 0))
        return inverter.get('starts', 1) * inverter.get('loops', 20) * loop
    if kind.endswith('Enumeration') or kind == 'ShortlistInverter':
        return MODELS.build(dict(inverter)).most_nfe(num_pairs, num_classes)
    return inverter.get('max_nfe')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    told = parser.add_mutually_exclusive_group()
    told.add_argument('--nfe', type=int, default=None, help="an image, instead of the config's bound")
    told.add_argument('--objects', type=at_least_one, default=None, help='search painted scenes of so many')
    parser.add_argument('--tflops', type=float, default=None, help='sustained, 10^12 operations a second')
    parser.add_argument('--batches', type=int, nargs='+', default=None, help="1 and the config's by default")
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={}, help='KEY=VALUE of the config')
    args = parser.parse_args()
    if TORCH < (2, 3):
        sys.exit(f'torch {torch.__version__} counts no operations of fused attention: plan with torch 2.3 or later.')
    try:
        config = load_config(args.config, args.cfg_options)
    except (FileNotFoundError, KeyError) as error:
        sys.exit(error.args[0])
    if not config.model.get('inverter'):
        sys.exit(f'{args.config} inverts nothing: give a config that has `model.inverter`.')
    inverter, objective = config.model.inverter, config.model.objective
    if args.objects and kind_of(inverter) != PAINTED:
        sys.exit(f'{kind_of(inverter)} costs the same for all images: leave out --objects.')
    precision = objective.get('precision', 'float32')
    backbone, left_out = plannable(config.model.backbone)
    with without_storage(backbone) as generator:
        parts = {name: sum(parameter.numel() for parameter in part.parameters())
                 for name, part in generator.named_children()}
        weights = sum(tensor.numel() * tensor.element_size() for tensor in generator.state_dict().values())
        print(f'parameters: {sum(parts.values()) / 1e6:.1f} M (' + ', '.join(
            f'{name} {count / 1e6:.1f} M' for name, count in parts.items() if count) + ')' + left_out)
        flops = operations(generator, precision)
        print(f'operations: {flops / 1e9:.2f} GFLOP an evaluation of the network')
        nfe = args.nfe or evaluations(inverter, objective.num_pairs, len(generator.vocabulary.class_ids))
        shape, slots = generator.latent_shape, getattr(generator.vocabulary, 'num_objects', 0)
        peaks = []
        for batch in args.batches or sorted({1, config.model.get('batch_size', 512)}):
            back = backward_at_once(config, batch)
            peaks.append((batch, peak_bytes(generator, batch, precision, False), back,
                          peak_bytes(generator, back, precision, True)))
    if not args.nfe and kind_of(inverter) == PAINTED:
        nfe = show_search(config.model, shape, min(args.objects or OBJECTS, slots), nfe)
    show_time(nfe, flops, args.tflops)
    for batch, forward, back, backward in peaks:
        alike = '' if back == batch else f' of {back}'
        print(f'peak memory in {precision}, batch {batch}: {(weights + forward) / GIB:.2f} GiB, with a backward'
              f'{alike} {(weights + backward) / GIB:.2f} GiB')


def show_search(model: Mapping, latent_shape: tuple[int, int, int], objects: int, bound: float | None) -> int:
    """Print what searches of painted scenes cost, and return their mean."""
    cost = planned_cost(model, latent_shape, objects, SCENES)
    nfe = round(float(cost.nfe.float().mean()))
    at_most = 'without a bound' if bound in (None, float('inf')) else f'at most {bound:,} an image'
    print(f'{SCENES} painted scenes of {objects} objects: {int(cost.nfe.min()):,} to {int(cost.nfe.max()):,} '
          f'evaluations, {at_most}, and {cost.shared_nfe:,} for all images together; '
          f'{100 * cost.found:.0f} % of the objects found')
    return nfe


def show_time(nfe: int | None, flops: float, tflops: float | None) -> None:
    """Print what an image and a thousand of them take."""
    if nfe is None:
        print('evaluations an image: the search decides; give what a run reported with --nfe')
        return
    print(f'evaluations an image: {nfe:,}, {nfe * flops / 1e12:.1f} TFLOP')
    if tflops:
        print(f'1,000 images: {1000 * nfe * flops / (tflops * 1e12) / 3600:.2f} hours at {tflops:g} TFLOP a second')


if __name__ == '__main__':
    main()
