"""Stages of the adaptive enumeration with the fewest evaluations, chosen on training images; where accuracy is lost.

    python tools/analysis_tools/tune_stages.py CONFIG CHECKPOINT [--images 60] [--slack 0.5] [--batch-size 4] \
        [--cfg-options model.objective.low=0 model.objective.high=1000]

CONFIG is a classifier's, and images are those of its `tuning_dataset`. The errors of all classes on the whole bank are
computed once; all stages on a grid, and races that stop when they are decided, are then replayed on them. Prints JSON:
what the exhaustive search reaches (the generator's share of the loss), how often halves of the bank disagree with it
(the bank's share), what it reaches with other weightings and on parts of the bank's timesteps, and the races within
SLACK points of it, the cheapest first.
"""
import argparse
import itertools
import json
from dataclasses import asdict
from typing import Iterator

import dive_mmdet.threads  # noqa: F401  before torch

import torch
from mmengine.config import Config, DictAction
from mmengine.dataset import default_collate
from mmengine.registry import DATASETS, DefaultScope
from mmpretrain.apis import get_model
from torch import Tensor

from dive_mmdet.checkpoints.untrusted import guard_loading
from dive_mmdet.diffusion.schedule import PREDICTION_TYPES
from dive_mmdet.inversion import Likelihood
from dive_mmdet.inversion.class_race import Race
from dive_mmdet.inversion.halving import best_of_groups, halving

PAIRS = (1, 2, 4, 8, 16)
KEEP = (200, 100, 50, 20, 10, 5, 3, 2, 1)
LADDER = (4, 6, 8, 12, 16, 24, 32)
DECIDED = (1.5, 2.0, 2.5, 3.0, 4.0)
RANGES = ((0, 1000), (0, 700), (100, 400), (200, 500), (300, 600), (200, 700), (200, 900), (300, 1000),
          (500, 1000))  # thousandths of the schedule


def replay(errors: Tensor, race: Race) -> tuple[Tensor, Tensor]:
    """What `AdaptiveEnumeration` answers given all errors (N, C, P), (N,), and its evaluations of each image, (N,)."""
    count, classes, num_pairs = errors.shape
    groups, flat = torch.arange(count).repeat_interleave(classes), -errors.flatten(0, 1)
    nfe = torch.zeros(count, dtype=torch.long)

    def ask(index: Tensor, pairs: Tensor) -> Tensor:
        nfe.index_add_(0, groups[index], torch.full_like(index, len(pairs)))
        return flat[index][:, pairs]
    *_, last = halving(ask, groups, race.stages(num_pairs, classes))
    best = last.index[best_of_groups(groups[last.index], last.value, 1)]
    return best % classes, nfe


def races(num_pairs: int, num_classes: int, most: int = 3) -> Iterator[Race]:
    """All stages on the grid, `most` at most, and the races that stop when they are decided."""
    pairs = [count for count in PAIRS if count < num_pairs]
    keep = [count for count in KEEP if count < num_classes]
    for number in range(1, most + 1):
        for some, few in itertools.product(itertools.combinations(pairs, number), itertools.combinations(keep, number)):
            yield Race(list(some), list(few))
    ladder = [count for count in LADDER if count < num_pairs]
    for decided in DECIDED:
        yield Race(ladder, decided=decided)


def choose(errors: Tensor, truth: Tensor, slack: float, per_class: int = 1) -> list[dict]:
    """Stages whose top-1 is within `slack` points of the exhaustive search's, the cheapest first.

    Of each class there are the errors of `per_class` conditions, and the stages keep conditions.
    """
    def accuracy(answers: Tensor) -> float:
        return 100 * float((answers // per_class == truth).double().mean())
    least = accuracy(errors.mean(dim=2).argmin(dim=1)) - slack
    found = []
    for race in races(errors.shape[2], errors.shape[1]):
        answers, nfe = replay(errors, race)
        if accuracy(answers) >= least:
            found.append(dict(asdict(race), nfe=float(nfe.double().mean()), most_nfe=int(nfe.max()),
                              accuracy_top1=accuracy(answers)))
    return sorted(found, key=lambda item: (item['nfe'], -item['accuracy_top1']))


def losses(errors: Tensor, truth: Tensor, per_class: int = 1) -> dict[str, float]:
    """The exhaustive search's accuracy, and in percent how often each half of the bank gives another class."""
    best, *halves = (part.mean(dim=2).argmin(dim=1) // per_class
                     for part in (errors, errors[:, :, 0::2], errors[:, :, 1::2]))
    return dict(images=len(truth), exhaustive_top1=100 * float((best == truth).double().mean()),
                half_bank_differs=100 * float(torch.stack([half != best for half in halves]).double().mean()))


def by_objective(errors: Tensor, truth: Tensor, likelihood: Likelihood, per_class: int = 1) -> dict[str, float]:
    """The exhaustive search's top-1 in percent for every weighting and range of t, as far as the bank covers it."""
    schedule, t = likelihood.generator.schedule, likelihood.bank.timesteps
    reached = {}
    for space, (low, high) in itertools.product(PREDICTION_TYPES, RANGES):
        inside = (t >= low * schedule.num_steps / 1000) & (t < high * schedule.num_steps / 1000)
        if not bool(inside.any()):
            continue
        weight = (schedule.error_weight(t, space) / likelihood.weight * inside).cpu()
        best = (errors * weight).sum(dim=2).argmin(dim=1) // per_class
        reached[f'{space} [{low}, {high})'] = 100 * float((best == truth).double().mean())
    return reached


def all_errors(config: Config, checkpoint: str, images: int, batch_size: int) -> tuple[Tensor, Tensor, Likelihood]:
    """Errors of all conditions on all pairs, (N, C T, P), the true classes, (N,), and the objective."""
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        dataset = DATASETS.build(config.tuning_dataset)
    guard_loading()
    model = get_model(config, pretrained=checkpoint, device='cuda:0' if torch.cuda.is_available() else 'cpu')
    classes, errors, truth = model.backbone.vocabulary.class_ids, [], []
    for part in torch.arange(images).split(batch_size):
        data = model.data_preprocessor(default_collate([dataset[int(index)] for index in part]))
        truth.extend(int(sample.gt_label) for sample in data['data_samples'])
        latents = model.backbone.encode(data['inputs']).repeat_interleave(len(classes), dim=0)
        rows = model.backbone.embed(classes[:, None].to(latents.device)).repeat(len(part), 1, 1)
        found = model.likelihood.errors(latents, rows, model.search.batch_size)
        errors.append(found.view(len(part), len(classes), -1).cpu())
        print(f'{len(truth)}/{images} images', flush=True)
    return torch.cat(errors), torch.tensor(truth), model.likelihood


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--images', type=int, default=60)
    parser.add_argument('--slack', type=float, default=0.5)
    parser.add_argument('--batch-size', type=int, default=4)
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={}, help='KEY=VALUE of the config')
    args = parser.parse_args()
    config = Config.fromfile(args.config)
    config.merge_from_dict(args.cfg_options)
    errors, truth, likelihood = all_errors(config, args.checkpoint, args.images, args.batch_size)
    per_class = likelihood.generator.vocabulary.per_class
    print(json.dumps(dict(losses(errors, truth, per_class),
                          top1_by_objective=by_objective(errors, truth, likelihood, per_class),
                          stages=choose(errors, truth, args.slack, per_class)[:5]), indent=2))


if __name__ == '__main__':
    main()
