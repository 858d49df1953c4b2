"""Does the energy of the true layout lie below those of layouts with one thing of one object wrong?"""
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

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


def noticed(likelihood: Likelihood, latents: Tensor, ids: Tensor, steps: Sequence[int] = (1,),
            batch_size: int = 256) -> Noticed:
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
    generator, firsts = likelihood.generator, 0
    vocabulary, rises, evaluations = generator.vocabulary, [], 0
    for image, layout in enumerate(ids):
        for slot in vocabulary.is_present(layout).nonzero()[:, 0].tolist():
            layouts, valid = one_wrong(layout, slot, vocabulary, steps)
            energy = torch.cat([
                likelihood.energy(latents[image].expand(len(part), -1, -1, -1),
                                  generator.embed(part.to(latents.device)), batch_size).cpu()
                for part in layouts.split(batch_size)])
            evaluations += len(layouts) * len(likelihood)
            own = vocabulary.class_ids == vocabulary.objects(layout)[slot, CLASS]
            classes, sides = energy[:len(own)], energy[len(own):].view(valid.shape)
            firsts += bool(own[classes.argmin()])
            rises.append(torch.where(valid, (sides > classes[own]).float(), torch.nan))
    if not rises:
        raise ValueError('No image has an object to ask about: give images with annotations.')
    shares = torch.stack(rises).transpose(1, 2).flatten(0, 1).nanmean(dim=0).tolist()
    return Noticed(len(rises), firsts / len(rises), dict(zip(steps, shares)), evaluations)
