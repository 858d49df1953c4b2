"""How much each object of a found layout explains."""
import torch
from torch import Tensor

from dive_mmdet.layout.vocabulary import CLASS

from .posterior import Posterior


def remove(posterior: Posterior, ids: Tensor, slots: Tensor) -> Tensor:
    """Layouts without one object, (B, L) and (B,) -> (B, L)."""
    ids = ids.clone()
    posterior.vocabulary.objects(ids)[torch.arange(len(ids)), slots] = posterior.vocabulary.none
    return ids


def object_evidence(posterior: Posterior, ids: Tensor, energy: Tensor) -> Tensor:
    """Energy without an object minus energy with it on the whole bank; (N, L), (N,) -> (N, K)."""
    present = posterior.vocabulary.is_present(ids)
    images, slots = present.nonzero(as_tuple=True)
    evidence = torch.zeros(present.shape)
    if len(images):
        without = posterior.energy(images, remove(posterior, ids[images], slots))
        evidence[images, slots] = without - energy[images]
    return evidence


def class_margin(posterior: Posterior, ids: Tensor, energy: Tensor, num_candidates: int | None = None) -> Tensor:
    """Energy with the best other class minus energy, on the whole bank; (N, L), (N,) -> (N, K).

    Args:
        posterior: of N images.
        ids: found layouts.
        energy: their energies.
        num_candidates: how many other classes are tried, those nearest in the table first; all by default.
    """
    vocabulary = posterior.vocabulary
    present = vocabulary.is_present(ids)
    margin = torch.zeros(present.shape)
    images, slots = present.nonzero(as_tuple=True)
    if not len(images):
        return margin
    if vocabulary.num_class_ids == 1:
        margin[present] = float('inf')
        return margin
    table = posterior.generator.table.weight.detach().cpu()
    classes = vocabulary.class_ids
    distance = torch.cdist(table[classes], table[classes]).fill_diagonal_(float('inf'))
    count = min(num_candidates or len(classes) - 1, len(classes) - 1)
    own = vocabulary.objects(ids)[images, slots, CLASS] - vocabulary.class_offset
    others = classes[distance.argsort(dim=1)[own, :count]]                            # (B, count)
    swapped = ids[images].repeat_interleave(count, dim=0)
    vocabulary.objects(swapped)[torch.arange(len(swapped)), slots.repeat_interleave(count), CLASS] = others.flatten()
    energies = posterior.energy(images.repeat_interleave(count), swapped).view(-1, count)
    margin[images, slots] = energies.min(dim=1).values - energy[images]
    return margin
