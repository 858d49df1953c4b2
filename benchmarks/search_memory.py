"""Largest memory of the tensors that a search needs at once, on the first scenes of a config.

    python benchmarks/search_memory.py CONFIG CHECKPOINT [--images 2] [--cfg-options KEY=VALUE ...]

Weights are not counted, nor what kernels and allocators take beside tensors; the latents and the bank are.
"""
import argparse
import json

import dive_mmdet.threads  # noqa: F401  before torch

import torch

from dive_mmdet.analysis.annotated import load
from dive_mmdet.analysis.peak_memory import PeakMemory
from dive_mmdet.engine.configured import add_arguments, config_of
from dive_mmdet.registry import MODELS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.set_defaults(images=2)
    args = parser.parse_args()
    config = config_of(args)
    model, latents, _, _ = load(config, args.checkpoint)
    search = MODELS.build(model.search.inverter)
    with PeakMemory(model) as memory, torch.no_grad():
        found = search.invert(model.posterior(latents))
    print(json.dumps(dict(images=len(latents), batch_size=model.search.batch_size, mib=round(memory.peak / 2 ** 20, 1),
                          nfe=found.nfe.tolist())))


if __name__ == '__main__':
    main()
