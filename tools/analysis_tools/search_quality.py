"""Does the search find what the generator prefers, and does the generator prefer the truth? Measured apart.

    python tools/analysis_tools/search_quality.py CONFIG CHECKPOINT --work-dir work_dirs/demo_300/dive --images 100

Reads what a run found (of `tools/test.py`, `evaluate.py` or `demo/detect.py`), takes a bank of noise that the search
never used and compares, image by image, the energies of the found, the true and the empty layout: what was searched,
likelihood + weight x prior, and the likelihood alone. Annotations are read here and nowhere in the search. The last
line is a verdict in one sentence: search, generator or prior.
"""
import argparse
import json
import sys
from pathlib import Path

import dive_mmdet.threads  # noqa: F401  before torch

import torch

from dive_mmdet.analysis.annotated import load
from dive_mmdet.analysis.blame import verdict, worse_and_better
from dive_mmdet.arguments import at_least_one
from dive_mmdet.engine.configured import add_arguments, config_of
from dive_mmdet.engine.run_state import RunState


def summarise(found: torch.Tensor, true: torch.Tensor, empty: torch.Tensor) -> dict[str, float]:
    """Rates in percent from energies (N, P) on a fresh bank.

    A search misses where the found layout is worse than the true one by more than two paired standard errors or 2 % of
    the gap between the empty and the true layout, whichever is smaller.
    """
    worse, better = worse_and_better(found, true, empty)
    difference = found - true
    standard_error = difference.std(dim=1) / difference.shape[1] ** 0.5
    gap, mean = (empty - true).mean(dim=1), difference.mean(dim=1)
    return dict(images=len(mean), search_finds=100 * float((~worse).float().mean()),
                generator_prefers_found=100 * float(better.float().mean()),
                generator_prefers_truth=100 * float((mean > 2 * standard_error).float().mean()),
                mean_excess_of_gap=100 * float((mean / gap).mean()), median_excess_of_gap=100 * float(
                    (mean / gap).median()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument('--work-dir', type=Path, required=True, help='of the run')
    parser.add_argument('--pairs', type=at_least_one, default=32)
    parser.add_argument('--seed', type=int, default=20260)
    args = parser.parse_args()
    model, latents, true, contents = load(config_of(args), args.checkpoint)
    try:
        records = RunState(args.work_dir).records
    except FileNotFoundError as error:
        sys.exit(str(error))
    missing = [image for image, content in contents.items()
               if image not in records or records[image].content != content or not records[image].inversion]
    if missing:
        sys.exit(f'{args.work_dir} holds no inversion of image {missing[0]} and {len(missing) - 1} others as CONFIG '
                 'reads them: test them there first, or ask for fewer with --images.')
    found = torch.tensor([records[image].inversion['ids'] for image in contents])
    generator, likelihood = model.backbone, model.likelihood.on_bank(args.pairs, args.seed)
    layouts = [generator.embed(ids) for ids in (found, true, generator.vocabulary.empty().expand_as(true))]
    errors = [likelihood.errors(latents, rows) for rows in layouts]
    rates, energies = summarise(*errors), errors
    if model.prior is not None and model.search.prior_weight:
        with torch.no_grad():
            energies = [error + model.search.prior_weight * model.prior.energy(rows)[:, None]
                        for error, rows in zip(errors, layouts)]
        rates = dict(summarise(*energies), likelihood_alone=rates)
    print(json.dumps(rates, indent=2))
    print(verdict(energies, errors))


if __name__ == '__main__':
    main()
