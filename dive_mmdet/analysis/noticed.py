"""Does the energy of the true layout lie below those of layouts with one thing of one object wrong?"""
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor

from dive_mmdet.diffusion.schedule import PREDICTION_TYPES
from dive_mmdet.inversion import Likelihood
from dive_mmdet.inversion.moves import SIDE_MOVES, class_moves, move_boxes
from dive_mmdet.layout import LayoutVocabulary
from dive_mmdet.layout.vocabulary import CLASS


class Noticed(NamedTuple):
    """What a generator notices.

    Attributes:
        objects: how many were asked about.
        class_first: share of them whose class has the lowest energy of all.
        sides: by grid steps, the share of sides moved in or out by so many whose energy rises.
        evaluations: of the network.
    """
    objects: int
    class_first: float
    sides: dict[int, float]
    evaluations: int


def one_wrong(ids: Tensor, slot: int, vocabulary: LayoutVocabulary, steps: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Layouts that differ from one in one object's class or side.

    Args:
        ids: (L,).
        slot: of the object.
        vocabulary: of the layout.
        steps: by how many grid steps sides are moved, each in and out.

    Returns:
        layouts (M + 8 S, L), the M class ids first, and which of the moved ones are layouts, (S, 8) bool.
    """
    slots = torch.tensor([slot])
    classes = class_moves(ids[None], slots, vocabulary.class_ids, vocabulary)[0]
    moves = torch.cat([SIDE_MOVES * step for step in steps])[None]
    moved, valid = move_boxes(ids[None], slots, moves, vocabulary, (1, vocabulary.grid))
    # A side that stopped at the edge of the image is off by less.
    boxes = [vocabulary.objects(layout)[..., slot, 1:] for layout in (ids, moved[0])]
    corners = [torch.cat([box % vocabulary.grid, box // vocabulary.grid], dim=-1) for box in boxes]
    whole = (corners[1] - corners[0]).abs().sum(dim=-1) == moves[0].abs().sum(dim=-1)
    return torch.cat([classes, moved[0]]), (valid[0] & whole).view(len(steps), len(SIDE_MOVES))


class Asked(NamedTuple):
    """What was asked about objects, and the errors that answer it.

    Attributes:
        own: (K, M) bool, the class that an object has.
        valid: (K, S, 8) bool, which sides could be moved by each of S steps.
        errors: (K, M + 8 S, P), of the layouts of `one_wrong` on every pair.
    """
    own: Tensor
    valid: Tensor
    errors: Tensor

    def weighed(self, weight: Tensor, steps: Sequence[int]) -> Noticed:
        """What is noticed where pairs weigh so much, (P,)."""
        energy, count = (self.errors.double() * weight).sum(dim=-1), self.own.shape[1]
        classes, sides = energy[:, :count], energy[:, count:].unflatten(1, self.valid.shape[1:])
        true = classes.gather(1, self.own.int().argmax(dim=1, keepdim=True))
        firsts = self.own.gather(1, classes.argmin(dim=1, keepdim=True))
        rises = torch.where(self.valid, (sides > true[..., None]).double(), torch.nan)
        shares = rises.transpose(1, 2).flatten(0, 1).nanmean(dim=0).tolist()
        return Noticed(len(energy), float(firsts.double().mean()), dict(zip(steps, shares)), self.errors.numel())


def ask(likelihood: Likelihood, latents: Tensor, ids: Tensor, steps: Sequence[int] = (1,),
        batch_size: int = 256) -> Asked:
    """Ask a generator about every object of annotated images.

    Args:
        likelihood: the objective, with its generator.
        latents: (N, c, h, w).
        ids: (N, L) true layouts, on the CPU.
        steps: by how many grid steps sides are moved.
        batch_size: evaluations at once.

    Raises:
        ValueError: no image has an object.
    """
    generator = likelihood.generator
    vocabulary, found = generator.vocabulary, []
    for image, layout in enumerate(ids):
        for slot in vocabulary.is_present(layout).nonzero()[:, 0].tolist():
            layouts, valid = one_wrong(layout, slot, vocabulary, steps)
            errors = torch.cat([
                likelihood.errors(latents[image].expand(len(part), -1, -1, -1),
                                  generator.embed(part.to(latents.device)), batch_size).cpu()
                for part in layouts.split(batch_size)])
            found.append((vocabulary.class_ids == vocabulary.objects(layout)[slot, CLASS], valid, errors))
    if not found:
        raise ValueError('No image has an object to ask about: give images with annotations.')
    return Asked(*(torch.stack(part) for part in zip(*found)))


def noticed(likelihood: Likelihood, latents: Tensor, ids: Tensor, steps: Sequence[int] = (1,),
            batch_size: int = 256) -> Noticed:
    """What a generator notices under an objective; arguments and errors are those of `ask`."""
    return ask(likelihood, latents, ids, steps, batch_size).weighed(
        torch.full((len(likelihood),), 1 / len(likelihood)), steps)


class Window(NamedTuple):
    """An objective's timesteps [low, high) and the space of its error, and what is noticed under it."""
    low: int
    high: int
    space: str
    noticed: Noticed


def windows(likelihood: Likelihood, asked: Asked, steps: Sequence[int]) -> list[Window]:
    """What is noticed under parts of a bank that covers all timesteps, two tenths of them or more.

    Args:
        likelihood: that was asked.
        asked: what it answered.
        steps: by how many grid steps sides were moved.
    """
    schedule, t = likelihood.generator.schedule, likelihood.bank.timesteps.cpu()
    edges = [round(place * schedule.num_steps / 10) for place in range(11)]
    found = []
    for space in PREDICTION_TYPES:
        weight = schedule.error_weight(t, space) / likelihood.weight.cpu()
        for (first, low), (last, high) in combinations(enumerate(edges), 2):
            inside = (t >= low) & (t < high)
            if last - first >= 2 and bool(inside.any()):
                found.append(Window(low, high, space, asked.weighed(weight * inside / inside.sum(), steps)))
    return found
