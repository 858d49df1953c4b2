"""What plain attention saves a small network on a CPU in bfloat16, in turn with the fused one.

    python benchmarks/attention.py CONFIG [--batch 32] [--rounds 10]

CONFIG names a generator with a `PatchTransformer`. Prints the CPU time of a forward without gradients and of a training
step's forward and backward, compiled, as the median of ROUNDS, on one thread. What is compiled knows one size alone, so
every size is a run of its own.
"""
import argparse
import statistics
import sys
import time

import dive_mmdet.threads  # noqa: F401  before torch

import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from torch import nn

from dive_mmdet.diffusion.compiling import compile_in_place, compiled_settings
from dive_mmdet.engine.configured import load_config
from dive_mmdet.registry import MODELS


def network(config: dict, fused: bool, trained: bool) -> nn.Module:
    """Compiled, with random weights."""
    torch.manual_seed(0)
    denoiser = MODELS.build(config).requires_grad_(trained)
    for weight in denoiser.parameters():
        nn.init.normal_(weight, std=0.02)
    if fused:
        denoiser.transformer.set_attn_processor(AttnProcessor2_0())
    compile_in_place(denoiser)
    return denoiser


def seconds(denoiser: nn.Module, inputs: tuple, trained: bool) -> float:
    """CPU time of one call."""
    begin = time.process_time()
    with torch.set_grad_enabled(trained), torch.autocast('cpu', torch.bfloat16), compiled_settings(denoiser):
        output = denoiser(*inputs)
    if trained:
        output.float().square().mean().backward()
    return time.process_time() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    parser.add_argument('--batch', type=int, default=32)
    parser.add_argument('--rounds', type=int, default=10)
    args = parser.parse_args()
    torch.set_num_threads(1)
    try:
        config = load_config(args.config).model.backbone.denoiser
    except FileNotFoundError as error:
        sys.exit(error.args[0])
    side = config.sample_size
    inputs = (torch.randn(args.batch, config.channels, side, side), torch.randint(1000, (args.batch,)), None,
              torch.randn(args.batch, config.condition_channels, side, side))
    for trained in (False, True):
        networks = {name: network(config, name == 'fused', trained) for name in ('fused', 'plain')}
        for denoiser in networks.values():
            seconds(denoiser, inputs, trained)
        times = {name: [] for name in networks}
        for _ in range(args.rounds):
            for name, denoiser in networks.items():
                times[name].append(seconds(denoiser, inputs, trained))
        fused, plain = (statistics.median(times[name]) for name in ('fused', 'plain'))
        what = 'forward and backward' if trained else 'forward'
        print(f'{what}: fused {1000 * fused:.0f} ms, plain {1000 * plain:.0f} ms, {plain / fused:.2f} times')


if __name__ == '__main__':
    main()
