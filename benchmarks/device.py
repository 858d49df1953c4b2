"""What a GPU makes of the generators: evaluations a second and memory, by precision and batch, with random weights.

    python benchmarks/device.py measure layout2img [--out work_dirs/device] [--device cpu --tiny]
    python benchmarks/device.py table [--out work_dirs/device] [--work work_dirs/device]

`measure` appends each number to OUT/throughput.jsonl as it comes, so that a time limit costs the rest alone; `--tiny`
takes the same steps with a network of a few thousand weights. Backward is the gradient of the condition, as a search by
gradient takes it. `table` prints what the steps of device.sh left in OUT and WORK as one Markdown table.
"""
import argparse
import json
import sys
import traceback
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import dive_mmdet.threads  # noqa: F401  before torch

import torch
from evaluations_per_second import ROOT, rate
from mmengine.config import Config, ConfigDict
from torch import nn

from dive_mmdet.diffusion.precision import mixed_precision
from dive_mmdet.registry import MODELS


class Network(NamedTuple):
    """Where a generator's config is, how the table calls it, what is measured of it, and what makes it tiny."""
    title: str
    config: str
    batches: tuple[int, ...]
    switches: tuple[str, ...]
    tiny: dict


TINY_UNET = dict(model=dict(sample_size=16, block_out_channels=[32] * 4, layers_per_block=1))
NETWORKS = dict(
    digits=Network('digit generator', 'generator/layout_box-channels_digit-scenes.py', (8, 128, 1024, 8192),
                   ('compile',), dict(denoiser=dict(num_layers=1))),
    layout2img=Network('layout2img, 256 pixels', 'generator/layout2img_coco.py', (1, 8, 32, 128),
                       ('channels_last', 'checkpointing', 'compile'),
                       dict(condition=dict(num_layers=1), denoiser=dict(
                           sample_size=16, base_channels=32, channel_mult=[1, 2], num_res_blocks=1,
                           attention_downsampling=[2], transformer_depth=1))),
    dit=Network('DiT-XL/2, 256 pixels', 'dive_cls/dit-xl-2_256_imagenet.py', (1, 8, 32, 128),
                ('checkpointing', 'compile'),
                dict(row_dim=48, denoiser=dict(sample_size=8, width=48, num_layers=2, num_heads=3))),
    gligen=Network('GLIGEN, 512 pixels', 'dive/gligen/dive_gligen_coco-zero-shot.py', (1, 8, 32), ('compile',),
                   dict(denoiser=TINY_UNET)),
    geodiffusion=Network('GeoDiffusion, 512 pixels', 'dive/geodiffusion/dive_geodiffusion-512_coco.py', (1, 8, 32),
                         ('compile',), dict(vocabulary=dict(grid=9), condition=dict(num_layers=1),
                                            denoiser=TINY_UNET)))
SWITCHES = dict(channels_last=False, checkpointing=False, compile=False)
PRECISIONS = ('bfloat16', 'float16', 'tf32', 'float32')
DETECTION = ('test/images', 'test/seconds_per_image', 'test/nfe_per_image', 'coco/bbox_mAP', 'coco/bbox_mAP_50')
SWITCHED_BATCH = 32  # with which switches are compared


def generator_config(network: Network, tiny: bool, **switches) -> ConfigDict:
    """Config of the generator; the first stage, which no evaluation asks, is left out."""
    model = Config.fromfile(ROOT / 'configs' / network.config).model
    config = Config(dict(generator=model.backbone))
    config.merge_from_dict(dict(generator={**SWITCHES, **(network.tiny if tiny else {}), **switches}))
    return ConfigDict(config.generator, first_stage=dict(type='dive_mmdet.IdentityFirstStage'))


def build(config: ConfigDict, device: str) -> nn.Module:
    """The frozen generator with random weights."""
    with torch.device(device):  # a billion weights are drawn there in no time
        generator = MODELS.build(config).requires_grad_(False)
    for weight in generator.denoiser.parameters():  # some products are quicker on zeros, which last layers start as
        if not weight.any():
            nn.init.normal_(weight, std=0.02)
    return generator.to(device)


def measure(generator: nn.Module, precision: str, batch: int, backward: bool, seconds: float) -> dict:
    """Evaluations a second and, on a GPU, the largest memory of one call in GiB."""
    device = generator.table.weight.device
    x_t = torch.randn(batch, *generator.latent_shape, device=device)
    t = torch.randint(generator.schedule.num_steps, (batch,), device=device)
    rows_per_id = generator.table.weight.shape[1:-1].numel()  # one, or the words of a class
    rows = torch.randn(batch, generator.vocabulary.length * rows_per_id, generator.table.dim, device=device,
                       requires_grad=backward)

    def evaluate() -> None:
        with torch.set_grad_enabled(backward), mixed_precision(device, precision):
            noise = generator.predict_noise(x_t, t, rows)
        if backward:
            torch.autograd.grad(noise.float().square().mean(), rows)

    on_gpu = device.type == 'cuda'
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    found = dict(rate=rate(evaluate, batch, seconds))
    return dict(found, gib=torch.cuda.max_memory_allocated() / 2 ** 30) if on_gpu else found


def measurements(network: Network, device: str, tiny: bool, seconds: float) -> Iterator[dict]:
    """All batches in all precisions; batches that do not fit end a precision."""
    plain = build(generator_config(network, tiny), device)
    batches = (1, 2) if tiny else network.batches
    for precision in PRECISIONS:
        for backward in (False, True):
            for batch in batches:
                row = dict(precision=precision, batch=batch, backward=backward)
                try:
                    yield dict(row, **measure(plain, precision, batch, backward, seconds))
                except torch.OutOfMemoryError:
                    yield dict(row, failure='out of memory')
                    break


def switched(network: Network, device: str, tiny: bool, seconds: float) -> Iterator[dict]:
    """One batch with each switch."""
    for switch in network.switches:
        generator = build(generator_config(network, tiny, **{switch: True}), device)
        for backward in (False, True):
            batch = 2 if tiny else min(SWITCHED_BATCH, network.batches[-1])
            row = dict(precision=PRECISIONS[0], switch=switch, batch=batch, backward=backward)
            yield dict(row, **measure(generator, row['precision'], row['batch'], backward, seconds))


def table(out: Path, work: Path) -> str:
    """The steps and what they left, row by row."""
    lines = ['| what | how | result |', '|---|---|---|']
    lines += [f'| machine | torch {torch.__version__} | {machine()} |']
    for line in (out / 'steps.tsv').read_text().splitlines():
        name, status, seconds = line.split('\t')
        ended = {'0': 'done', '124': 'stopped at its time limit', '137': 'stopped at its time limit'}
        lines.append(f'| step: {name} | {seconds} s | {ended.get(status, f"failed with status {status}")} |')
    tests = work / 'tests.log'
    if tests.is_file():
        lines.append(f'| tests | on this device | {last_line(tests)} |')
    scores = {key: value for path in work.glob('detect/*/vis_data/scalars.json')
              for line in path.read_text().splitlines() for key, value in json.loads(line).items()}
    lines += [f'| DIVE on the digit scenes | {key} | {scores[key]:.4g} |' for key in DETECTION if key in scores]
    rows = {}
    for line in (out / 'throughput.jsonl').read_text().splitlines() if (out / 'throughput.jsonl').is_file() else ():
        row = json.loads(line)
        how = ', '.join([row['precision'], *([row['switch']] if 'switch' in row else []), f'batch {row["batch"]}'])
        title = ('tiny ' if row['tiny'] else '') + NETWORKS[row['network']].title
        rows.setdefault((title, how), []).append(told(row))
    return '\n'.join([*lines, *(f'| {title} | {how} | {"; ".join(parts)} |' for (title, how), parts in rows.items())])


def machine() -> str:
    """The card's name."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else 'no GPU'


def last_line(path: Path) -> str:
    lines = path.read_text().split('\n')
    return next((line.strip('= ') for line in reversed(lines) if line.strip()), 'nothing was written')


def told(row: dict) -> str:
    """One measurement as words."""
    what = 'with backward' if row['backward'] else 'forward'
    if 'failure' in row:
        return f'{what} {row["failure"]}'
    return f'{what} {row["rate"]:,.0f} a second' + (f', {row["gib"]:.1f} GiB' if 'gib' in row else '')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('command', choices=('measure', 'table'))
    parser.add_argument('networks', nargs='*', metavar='network', help=f'of {", ".join(NETWORKS)}')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/device'))
    parser.add_argument('--work', type=Path, default=Path('work_dirs/device'), help='where device.sh worked')
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--seconds', type=float, default=0.5, help='that each number is measured')
    parser.add_argument('--tiny', action='store_true', help='small networks and batches')
    args = parser.parse_args()
    if args.command == 'table':
        print(table(args.out, args.work))
        return
    unknown = set(args.networks) - NETWORKS.keys()
    if unknown:
        sys.exit(f'There is no network {", ".join(sorted(unknown))}: choose of {", ".join(NETWORKS)}.')
    args.out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for measured, name in product((measurements, switched), args.networks):  # compilers take longest
        try:
            for row in measured(NETWORKS[name], args.device, args.tiny, args.seconds):
                print(f'{name}: {row}', flush=True)
                with (args.out / 'throughput.jsonl').open('a') as file:
                    file.write(json.dumps(dict(network=name, tiny=args.tiny, **row)) + '\n')
        except Exception:  # costs this network alone
            traceback.print_exc()
            failed += 1
    sys.exit(failed)


if __name__ == '__main__':
    main()
