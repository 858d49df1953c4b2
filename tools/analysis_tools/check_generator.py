"""Does a generator listen to its layout, and at which noise? The first thing to run on any weights.

    python tools/analysis_tools/check_generator.py CONFIG CHECKPOINT [--ann-file calib.json --img-prefix calib/] \
        [--count 50] [--pairs 20] [--out work_dirs/check_generator]

CONFIG is a DIVE config. Wrong layouts: empty, another image's (shuffled), one label swapped, the label swapped for the
best of all others (any_label), one box shifted by 1/16 of the image, one side of a box moved by 1/32. Prints, and
writes to OUT.json and OUT.png, the percentage of wrong layouts whose energy is above the true one's: at each timestep
of the bank alone, and for weightings and ranges over t. For the latter it also prints what an image's true layout
explains, the energy of the empty one less its own: energies like `min_gain` are in proportion to it. Choose an
objective on training scenes. Last comes a verdict, which is the exit status too: whether the true layout beats a
shuffled, a shifted and a swapped one more often than chance, and whether the same weights denoise worse with every
other number of heads.
"""
import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import torch
from annotated import add_arguments, configured, load
from verdict import deaf_to, energy_by_heads, verdict

from dive_mmdet.diffusion.schedule import PREDICTION_TYPES
from dive_mmdet.inversion import Likelihood
from dive_mmdet.inversion.moves import class_moves, move_boxes
from dive_mmdet.layout.corruptions import shift_one_box, swap_one_label
from dive_mmdet.layout.vocabulary import CLASS

RANGES = ((0.0, 1.0), (0.1, 0.5), (0.2, 0.7), (0.2, 0.9), (0.4, 1.0), (0.5, 1.0))  # parts of the schedule's steps
MOST_LABELS = 20  # wrong ones that an object is tried with


def wrong_layouts(ids: torch.Tensor, other: torch.Tensor, tokenizer, seed: int) -> list[tuple[str, int, torch.Tensor]]:
    """Wrong layouts of one image as (kind, group, ids); of a group the one of the lowest energy counts."""
    vocabulary, generator = tokenizer.vocabulary, torch.Generator().manual_seed(seed)
    wrong = [('empty', 0, vocabulary.empty()), ('shuffled', 0, other)]
    slots = vocabulary.is_present(ids).nonzero()[:, 0]
    for slot in slots:
        if vocabulary.num_class_ids > 1:
            own = vocabulary.objects(ids)[slot, CLASS]
            others = vocabulary.class_ids[vocabulary.class_ids != own]
            if len(others) > MOST_LABELS:
                others = others[torch.randperm(len(others), generator=generator)[:MOST_LABELS]]
            every = class_moves(ids[None], slot[None], others, vocabulary)[0]
            wrong += [('any_label', int(slot), row) for row in every]
        step = max(1, round((vocabulary.grid - 1) / 32))
        moves = torch.zeros(1, 1, 4, dtype=torch.long)
        moves[0, 0, int(torch.randint(4, (1,), generator=generator))] = step
        moved, valid = move_boxes(ids[None], slot[None], moves, vocabulary, (1, vocabulary.grid))
        wrong += [('side', int(slot), moved[0, 0])] if bool(valid) else []
    if len(slots):
        wrong.append(('shifted', 0, shift_one_box(ids, tokenizer, generator, 1 / 16)))
        if vocabulary.num_classes > 1:
            wrong.append(('swapped', 0, swap_one_label(ids, tokenizer, generator)))
    return wrong


def beaten(true: torch.Tensor, wrong: list[tuple[int, str, int]], energies: torch.Tensor, weight: torch.Tensor) -> dict:
    """Percentages of groups of wrong layouts that are all above the true one; (N, P), (M, P), (P,)."""
    own, lowest = (true * weight).mean(dim=1), {}
    for (image, kind, group), energy in zip(wrong, (energies * weight).mean(dim=1).tolist()):
        key = (kind, image, group)
        lowest[key] = min(energy, lowest.get(key, float('inf')))
    rates = {}
    for (kind, image, _), energy in lowest.items():
        rates.setdefault(kind, []).append(float(own[image] < energy))
    return {kind: 100 * sum(values) / len(values) for kind, values in sorted(rates.items())}


def explained(true: torch.Tensor, wrong: list[tuple[int, str, int]], energies: torch.Tensor,
              weight: torch.Tensor) -> float:
    """Mean energy of the empty layouts less that of the true ones, per pair of nonzero weight."""
    empty = torch.tensor([kind == 'empty' for _, kind, _ in wrong])
    gain = energies[empty] - true[[image for image, kind, _ in wrong if kind == 'empty']]
    return float((gain * weight).sum(dim=1).mean() / weight.count_nonzero().clamp(min=1))


def tables(true, wrong, energies, likelihood, generator) -> tuple[dict, dict, dict]:
    """Rates by timestep, rates and what true layouts explain by weighting and range, from errors of epsilon."""
    timesteps, steps = likelihood.bank.timesteps.cpu(), generator.schedule.num_steps
    by_timestep = {int(timesteps[pair]): beaten(true, wrong, energies, torch.eye(len(timesteps))[pair])
                   for pair in timesteps.argsort().tolist()}
    by_weighting, gains = {}, {}
    for space in PREDICTION_TYPES:
        weight = generator.schedule.error_weight(timesteps, space)
        for low, high in RANGES:
            inside = ((timesteps >= low * steps) & (timesteps < high * steps)).float()
            row = f'{space} [{low * steps:.0f}, {high * steps:.0f})'
            by_weighting[row] = beaten(true, wrong, energies, weight * inside)
            gains[row] = explained(true, wrong, energies, weight * inside)
    return by_timestep, by_weighting, gains


def show(title: str, rows: dict[str, dict[str, float]]) -> None:
    """Print rates as a table."""
    kinds = sorted({kind for row in rows.values() for kind in row})
    print('  '.join([f'{title:26s}', *(f'{kind:>9s}' for kind in kinds)]))
    for name, row in rows.items():
        print('  '.join([f'{name!s:26s}', *(f'{row[kind]:9.1f}' for kind in kinds)]))


def plot(by_timestep: dict[int, dict[str, float]], path: Path) -> None:
    """Rates over t."""
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(figsize=(6, 4))
    for kind in next(iter(by_timestep.values())):
        axes.plot(list(by_timestep), [row[kind] for row in by_timestep.values()], label=kind)
    axes.set_xlabel('timestep')
    axes.set_ylabel('wrong layouts above the true one, %')
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument('--count', type=int, default=50)
    parser.add_argument('--pairs', type=int, default=20)
    parser.add_argument('--seed', type=int, default=20260)
    parser.add_argument('--out', type=Path, default=Path('work_dirs/check_generator'))
    args = parser.parse_args()
    config = configured(args)
    model, latents, ids, _ = load(config, args.checkpoint, args.count)
    generator = model.backbone
    wrong = [(image, *item) for image, row in enumerate(ids)
             for item in wrong_layouts(row, ids[image - 1], generator.tokenizer, args.seed + image)]
    likelihood = Likelihood(generator, num_pairs=args.pairs, seed=args.seed)
    evaluations = args.pairs * (len(ids) + len(wrong))
    print(f'{len(ids)} images, {len(wrong)} wrong layouts, {evaluations} evaluations', flush=True)
    true = likelihood.errors(latents, generator.embed(ids))
    energies = likelihood.errors(latents[[item[0] for item in wrong]],
                                 generator.embed(torch.stack([item[3] for item in wrong])))
    by_timestep, by_weighting, gains = tables(true, [item[:3] for item in wrong], energies, likelihood, generator)
    show('timestep', by_timestep)
    show('weighting, timesteps', by_weighting)
    print('explained by true layouts: ' + ', '.join(f'{row} {gain:.4g}' for row, gain in gains.items()))
    by_heads = energy_by_heads(config.model.backbone, generator, latents, ids, num_pairs=args.pairs, seed=args.seed)
    print('error by num_heads: ' + ', '.join(f'{heads}: {energy:.4g}' for heads, energy in by_heads.items()))
    counts = Counter(kind for _, kind, _ in {item[:3] for item in wrong})
    good, sentence = verdict(deaf_to(by_weighting, counts), by_heads, config.model.backbone.denoiser.num_heads)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.with_suffix('.json').write_text(json.dumps(dict(
        by_timestep=by_timestep, by_weighting=by_weighting, explained=gains, by_heads=by_heads, verdict=sentence),
        indent=2) + '\n')
    plot(by_timestep, args.out.with_suffix('.png'))
    print(sentence)
    sys.exit(not good)


if __name__ == '__main__':
    main()
