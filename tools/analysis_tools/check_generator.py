"""Does a generator listen to its layout, and at which noise? The first thing to run on any weights.

    python tools/analysis_tools/check_generator.py CONFIG CHECKPOINT [--ann-file calib.json --img-prefix calib/] \
        [--images 50] [--pairs 20] [--labels 20] [--out work_dirs/check_generator]

CONFIG is a DIVE config. Wrong layouts: empty, another image's (shuffled), one label swapped, the label swapped for the
best of all others (any_label), one box shifted by 1/16 of the image, one side of a box moved by 1/32. Prints, and
writes to OUT.json and OUT.png, at each timestep of the bank alone the energies of true and wrong layouts and the
percentage of wrong layouts whose energy is above the true one's, and that percentage for weightings and ranges over t;
beside the latter what an image's true layout explains, the energy of the empty one less its own, to which energies like
`object_cost` are scaled. Choose an objective on training scenes. Last comes a verdict, which is the exit status too:
whether the true layout beats a shuffled, a shifted and a swapped one more often than chance, and whether the same
weights denoise worse with every other number of heads. Precision and batch size are those of CONFIG; a GPU is
used where there is one.
"""
import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import dive_mmdet.threads  # noqa: F401  before torch

import torch

from dive_mmdet.analysis.annotated import load
from dive_mmdet.analysis.verdict import deaf_to, energy_by_heads, fewest_images, verdict
from dive_mmdet.arguments import at_least_one
from dive_mmdet.diffusion.schedule import PREDICTION_TYPES
from dive_mmdet.engine.configured import add_arguments, config_of
from dive_mmdet.inversion import Likelihood
from dive_mmdet.inversion.moves import class_moves, move_boxes
from dive_mmdet.layout.corruptions import shift_one_box, swap_one_label
from dive_mmdet.layout.vocabulary import CLASS

RANGES = ((0.0, 1.0), (0.1, 0.5), (0.2, 0.62), (0.2, 0.9), (0.4, 1.0), (0.5, 1.0))  # parts of the schedule's steps


def wrong_layouts(ids: torch.Tensor, other: torch.Tensor, tokenizer, seed: int,
                  labels: int = 20) -> list[tuple[str, int, torch.Tensor]]:
    """Wrong layouts of one image as (kind, group, ids); of a group the one of the lowest energy counts.

    Args:
        ids, other: (L,) of the image and of another one.
        tokenizer: of both.
        seed: of what is drawn.
        labels: wrong ones that an object is tried with at most.
    """
    vocabulary, generator = tokenizer.vocabulary, torch.Generator().manual_seed(seed)
    wrong = [('empty', 0, vocabulary.empty()), ('shuffled', 0, other)]
    slots = vocabulary.is_present(ids).nonzero()[:, 0]
    for slot in slots:
        if vocabulary.num_class_ids > 1:
            own = vocabulary.objects(ids)[slot, CLASS]
            others = vocabulary.class_ids[vocabulary.class_ids != own]
            if len(others) > labels:
                others = others[torch.randperm(len(others), generator=generator)[:labels]]
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


def compared(true: torch.Tensor, wrong: list[tuple[int, str, int]], energies: torch.Tensor,
             weight: torch.Tensor) -> dict[str, list[tuple[float, float]]]:
    """Energies of the true layout and of the best of each group of wrong ones, by kind; (N, P), (M, P), (P,)."""
    own, lowest = (true * weight).mean(dim=1).tolist(), {}
    for (image, kind, group), energy in zip(wrong, (energies * weight).mean(dim=1).tolist()):
        key = (kind, image, group)
        lowest[key] = min(energy, lowest.get(key, float('inf')))
    pairs = {}
    for (kind, image, _), energy in sorted(lowest.items()):
        pairs.setdefault(kind, []).append((own[image], energy))
    return pairs


def beaten(true: torch.Tensor, wrong: list[tuple[int, str, int]], energies: torch.Tensor, weight: torch.Tensor) -> dict:
    """Percentages of groups of wrong layouts that are all above the true one; (N, P), (M, P), (P,)."""
    return {kind: 100 * sum(own < energy for own, energy in pairs) / len(pairs)
            for kind, pairs in compared(true, wrong, energies, weight).items()}


def mean_energies(true: torch.Tensor, wrong: list[tuple[int, str, int]], energies: torch.Tensor,
                  pair: int) -> dict[str, float]:
    """Mean energy on one pair of the bank of true layouts, and of the best of each group of wrong ones by kind."""
    kinds = compared(true[:, [pair]], wrong, energies[:, [pair]], torch.ones(1))
    return dict(true=float(true[:, pair].mean()),
                **{kind: sum(energy for _, energy in pairs) / len(pairs) for kind, pairs in kinds.items()})


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


def show(title: str, rows: dict[str, dict[str, float]], digits: str = '.1f') -> None:
    """Print rates or energies as a table."""
    kinds = sorted({kind for row in rows.values() for kind in row})
    print('  '.join([f'{title:26s}', *(f'{kind:>9s}' for kind in kinds)]))
    for name, row in rows.items():
        print('  '.join([f'{name!s:26s}', *(f'{row[kind]:9{digits}}' for kind in kinds)]))


def plot(energies: dict[int, dict[str, float]], rates: dict[int, dict[str, float]], path: Path) -> None:
    """Energies, energies relative to the true layout's, and rates over t."""
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot
    relative = {t: {kind: 100 * (value / row['true'] - 1) for kind, value in row.items() if kind != 'true'}
                for t, row in energies.items()}
    labels = 'energy', "energy above the true layout's, % of it", 'wrong layouts above the true one, %'
    figure, panels = pyplot.subplots(1, 3, figsize=(15, 4))
    for axes, rows, label in zip(panels, (energies, relative, rates), labels):
        for number, kind in enumerate(next(iter(energies.values()))):  # one colour a kind in all panels
            if kind in next(iter(rows.values())):
                axes.plot(list(rows), [row[kind] for row in rows.values()], color=f'C{number}', label=kind)
        axes.set_xlabel('timestep')
        axes.set_ylabel(label)
        axes.legend()
    panels[0].set_yscale('log')
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument('--pairs', type=at_least_one, default=20)
    parser.add_argument('--labels', type=at_least_one, default=20, help='at most so many wrong ones an object')
    parser.add_argument('--seed', type=int, default=20260)
    parser.add_argument('--out', type=Path, default=Path('work_dirs/check_generator'))
    parser.set_defaults(images=50)
    args = parser.parse_args()
    config = config_of(args)
    device = torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')
    try:
        model, latents, ids, _ = load(config, args.checkpoint, device)
    except ValueError as error:  # annotations that are no layouts
        sys.exit(str(error))
    few = fewest_images(len(PREDICTION_TYPES) * len(RANGES))
    if len(ids) < few:
        sys.exit(f'{len(ids)} images cannot be told from chance: give at least {few}.')
    generator = model.backbone
    wrong = [(image, *item) for image, row in enumerate(ids)
             for item in wrong_layouts(row, ids[image - 1], generator.tokenizer, args.seed + image, args.labels)]
    bank = dict(num_pairs=args.pairs, seed=args.seed, precision=model.likelihood.precision)
    likelihood, batch_size = Likelihood(generator, **bank).to(device), model.search.batch_size
    evaluations = args.pairs * (len(ids) + len(wrong))
    print(f'{len(ids)} images, {len(wrong)} wrong layouts, {evaluations} evaluations', flush=True)

    def errors(images: list[int], layouts: torch.Tensor) -> torch.Tensor:
        # Rows are large, so they are looked up part by part.
        parts = zip(torch.tensor(images).split(batch_size), layouts.split(batch_size))
        return torch.cat([likelihood.errors(latents[part.to(device)], generator.embed(rows.to(device)), batch_size)
                          for part, rows in parts]).cpu()
    true = errors(list(range(len(ids))), ids)
    energies = errors([item[0] for item in wrong], torch.stack([item[3] for item in wrong]))
    by_energy = {int(likelihood.bank.timesteps[pair]): mean_energies(true, [item[:3] for item in wrong], energies, pair)
                 for pair in likelihood.bank.timesteps.argsort().tolist()}
    by_timestep, by_weighting, gains = tables(true, [item[:3] for item in wrong], energies, likelihood, generator)
    show('energy by timestep', by_energy, '.4f')
    show('rate by timestep, %', by_timestep)
    show('weighting, timesteps', by_weighting)
    print('explained by true layouts: ' + ', '.join(f'{row} {gain:.4g}' for row, gain in gains.items()))
    by_heads = energy_by_heads(config.model.backbone, generator, latents, ids, batch_size, **bank)
    print('error by num_heads: ' + ', '.join(f'{heads}: {energy:.4g}' for heads, energy in by_heads.items()))
    counts = Counter(kind for _, kind, _ in {item[:3] for item in wrong})
    good, sentence = verdict(deaf_to(by_weighting, counts), by_heads, config.model.backbone.denoiser.num_heads)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.with_suffix('.json').write_text(json.dumps(dict(
        energy_by_timestep=by_energy, by_timestep=by_timestep, by_weighting=by_weighting, explained=gains,
        by_heads=by_heads, verdict=sentence), indent=2) + '\n')
    plot(by_energy, by_timestep, args.out.with_suffix('.png'))
    print(sentence)
    sys.exit(not good)


if __name__ == '__main__':
    main()
