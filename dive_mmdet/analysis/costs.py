"""What an object has to cost and what a prior has to weigh, from the energies of layouts with one thing wrong."""
from typing import NamedTuple

import torch
from torch import Tensor

from dive_mmdet.layout import LayoutTokenizer
from dive_mmdet.layout.corruptions import (
    GROWN,
    SHRUNK,
    add_one_object,
    drop_one_object,
    random_object,
    resize_boxes,
    shift_one_box,
    swap_one_label,
)

SHARES = (0.0, *(2.0 ** power for power in range(-6, 4)))  # prior weights, in units of the energies' ratio
TOLERANCE = 0.005  # of what is judged right, that a smaller weight may miss


class Answers(NamedTuple):
    """Energies of wrong layouts minus the true one's.

    Attributes:
        kinds: names of what is wrong, n of them.
        likelihood, prior: (n,) each, float64.
        objects: (n,), how many more objects there are.
    """
    kinds: list[str]
    likelihood: Tensor
    prior: Tensor
    objects: Tensor

    def rises(self, object_cost: float, prior_weight: float) -> Tensor:
        """By how much the searched energy rises, (n,)."""
        return self.likelihood + prior_weight * self.prior + object_cost * self.objects

    def noticed(self, object_cost: float, prior_weight: float) -> dict[str, float]:
        """By kind, the share of wrong layouts whose energy rises."""
        rises = self.rises(object_cost, prior_weight) > 0
        return {kind: float(rises[[other == kind for other in self.kinds]].float().mean())
                for kind in dict.fromkeys(self.kinds)}


class Costs(NamedTuple):
    """The settings under which most kinds of wrong layouts are noticed most often."""
    object_cost: float
    prior_weight: float


def wrong_by_one(ids: Tensor, tokenizer: LayoutTokenizer, rng: torch.Generator, shift: float) -> dict[str, Tensor]:
    """Layouts with one random thing wrong by kind, of one that has an object, (L,) each; what cannot be is left out."""
    vocabulary = tokenizer.vocabulary
    layouts = dict(dropped=drop_one_object(ids, tokenizer, rng), extra=add_one_object(ids, tokenizer, rng),
                   shifted=shift_one_box(ids, tokenizer, rng, shift), split=split_one(ids, tokenizer, rng),
                   merged=merge_two(ids, tokenizer, rng))
    if vocabulary.num_classes > 1:
        layouts['class_swapped'] = swap_one_label(ids, tokenizer, rng)
    for kind, factor in dict(shrunk=SHRUNK, grown=GROWN).items():
        slot, layouts[kind] = random_object(ids, tokenizer, rng), ids.clone()
        resized = resize_boxes(ids[None], tokenizer, factor)[0]
        vocabulary.objects(layouts[kind])[slot] = vocabulary.objects(resized)[slot]
    return {kind: layout for kind, layout in layouts.items() if not torch.equal(layout, ids)}


def split_one(ids: Tensor, tokenizer: LayoutTokenizer, rng: torch.Generator) -> Tensor:
    """A random object becomes two halves, cut across its longer side, (L,) -> (L,); as it is without a free slot."""
    vocabulary, wrong = tokenizer.vocabulary, ids.clone()
    free = (~vocabulary.is_present(ids)).nonzero()[:, 0]
    slot, objects = random_object(ids, tokenizer, rng), vocabulary.objects(wrong)
    low, high = tokenizer.corner_points(objects[slot, 1:])
    axis = int((high - low).argmax())
    middle = torch.round((low + high)[axis] / 2 * (vocabulary.grid - 1)) / (vocabulary.grid - 1)
    if not len(free) or not low[axis] < middle < high[axis]:
        return wrong
    first_high, second_low = high.clone(), low.clone()
    first_high[axis] = second_low[axis] = middle
    objects[free[0]] = torch.cat([objects[slot, :1], tokenizer.corner_ids(torch.stack([second_low, high]))])
    objects[slot, 1:] = tokenizer.corner_ids(torch.stack([low, first_high]))
    return wrong


def merge_two(ids: Tensor, tokenizer: LayoutTokenizer, rng: torch.Generator) -> Tensor:
    """A random object takes the nearest other into its box, (L,) -> (L,); as it is where it is alone."""
    vocabulary, wrong = tokenizer.vocabulary, ids.clone()
    slot, objects = random_object(ids, tokenizer, rng), vocabulary.objects(wrong)
    points = tokenizer.corner_points(objects[:, 1:])                                  # (K, 2, 2)
    distance = (points.mean(dim=1) - points[slot].mean(dim=0)).square().sum(dim=1)
    distance[~vocabulary.is_present(ids)] = float('inf')
    distance[slot] = float('inf')
    other = int(distance.argmin())
    if not distance[other].isfinite():
        return wrong
    union = torch.stack([points[[slot, other], 0].amin(dim=0), points[[slot, other], 1].amax(dim=0)])
    objects[slot, 1:] = tokenizer.corner_ids(union)
    objects[other] = vocabulary.none
    return wrong


def ask(model, latents: Tensor, ids: Tensor, seeds: list[int], times: int = 4) -> Answers:
    """Energies of wrong layouts of annotated images.

    Args:
        model: a detector, whose objective and prior are asked.
        latents: (N, c, h, w).
        ids: (N, L) true layouts, on the CPU; images without objects are left out.
        seeds: of what is drawn for each image.
        times: that each kind is drawn for an image.
    """
    generator, kinds, likelihood, prior, objects = model.backbone, [], [], [], []
    tokenizer, vocabulary = generator.tokenizer, generator.vocabulary
    for image, (layout, seed) in enumerate(zip(ids, seeds)):
        if not bool(vocabulary.is_present(layout).any()):
            continue
        rng = torch.Generator().manual_seed(seed)
        drawn = [wrong_by_one(layout, tokenizer, rng, 4 / (vocabulary.grid - 1)) for _ in range(times)]
        names = [kind for layouts in drawn for kind in layouts]
        asked = torch.stack([layout, *(wrong for layouts in drawn for wrong in layouts.values())])
        rows = generator.embed(asked.to(latents.device))
        energy = model.likelihood.energy(latents[image].expand(len(asked), -1, -1, -1), rows, model.search.batch_size)
        with torch.no_grad():
            unlikely = energy.new_zeros(len(asked)) if model.prior is None else model.prior.energy(rows)
        counts = vocabulary.is_present(asked).sum(dim=1)
        for values, found in ((energy, likelihood), (unlikely, prior), (counts, objects)):
            found.append((values[1:] - values[0]).double().cpu())
        kinds += names
    if not kinds:
        raise ValueError('No image has an object to ask about: give images with annotations.')
    return Answers(kinds, *map(torch.cat, (likelihood, prior, objects)))


def best_costs(answers: Answers) -> Costs:
    """The costs under which the mean share over the kinds is highest; of equals the smallest prior weight, and of the
    object costs the middle."""
    scale = float(answers.likelihood.abs().median() / answers.prior.abs().median().clamp(min=1e-12))
    weights = [share * scale for share in SHARES] if bool(answers.prior.any()) else [0.0]
    found = [(weight, *_best_object_cost(answers, weight)) for weight in weights]
    highest = max(share for _, _, share in found)
    weight, cost, _ = next(row for row in found if row[2] >= highest - TOLERANCE)
    return Costs(cost, weight)


def _best_object_cost(answers: Answers, prior_weight: float) -> tuple[float, float]:
    """Object cost and the mean share over the kinds."""
    rises = answers.rises(0.0, prior_weight)
    bounds = (-rises / answers.objects)[answers.objects != 0]
    bounds = torch.cat([bounds[bounds > 0], torch.zeros(1, dtype=bounds.dtype)]).unique()
    costs = torch.cat([bounds[:1] / 2, (bounds[1:] + bounds[:-1]) / 2, bounds[-1:] * 1.1])
    shares = [sum(shares.values()) / len(shares)
              for shares in (answers.noticed(cost, prior_weight) for cost in costs.tolist())]
    best = [cost for cost, share in zip(costs.tolist(), shares) if share >= max(shares) - 1e-9]
    return best[len(best) // 2], max(shares)
