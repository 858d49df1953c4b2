"""How much each object of a found layout explains."""
import torch
from torch import Tensor

from dive_mmdet.layout.vocabulary import CLASS
from dive_mmdet.structures import Inversion

from .moves import class_moves
from .posterior import Posterior
from .trace import Trace


def remove(posterior: Posterior, ids: Tensor, slots: Tensor) -> Tensor:
    """Layouts without one object, (B, L) and (B,) -> (B, L)."""
    ids = ids.clone()
    posterior.vocabulary.objects(ids)[torch.arange(len(ids)), slots] = posterior.vocabulary.none
    return ids


def class_evidence(posterior: Posterior, ids: Tensor) -> Tensor:
    """Energy without an object minus energy with an object of each class in its box, on the whole bank.

    Args:
        posterior: of N images.
        ids: (N, L) found layouts.

    Returns:
        (N, K, M) in the order of `LayoutVocabulary.class_ids`; 0 for absent objects.
    """
    vocabulary = posterior.vocabulary
    present = vocabulary.is_present(ids)
    images, slots = present.nonzero(as_tuple=True)
    evidence = torch.zeros(*present.shape, vocabulary.num_class_ids)
    if len(images):
        classified = class_moves(ids[images], slots, vocabulary.class_ids, vocabulary)          # (B, M, L)
        count = classified.shape[1]
        energies = posterior.energy(images.repeat_interleave(count), classified.flatten(0, 1)).view(-1, count)
        without = posterior.energy(images, remove(posterior, ids[images], slots))
        evidence[images, slots] = without[:, None] - energies
    return evidence


def class_energy(posterior: Posterior) -> Tensor:
    """Energies of the classes that a search visited, on the whole bank; inf for the others, (N, C).

    Args:
        posterior: of N images whose conditions are classes.
    """
    classes = posterior.vocabulary.class_ids
    images = torch.arange(len(posterior)).repeat_interleave(len(classes))
    known = posterior.known(images, classes.repeat(len(posterior))[:, None])
    return posterior.vocabulary.by_class(known.view(len(posterior), -1).nan_to_num(nan=float('inf')))


def conclusion_nfe(posterior: Posterior, objects: Tensor) -> Tensor:
    """Evaluations that `conclude` costs at most for layouts with that many objects, (N,) -> (N,)."""
    return posterior.num_pairs * (1 + objects * (posterior.vocabulary.num_class_ids + 1))


def conclude(posterior: Posterior, ids: Tensor, trace: Trace) -> Inversion:
    """What is known about found conditions (N, L) at the end of a search; every inverter ends with it."""
    vocabulary = posterior.vocabulary
    energy = posterior.energy(torch.arange(len(ids)), ids)
    if not vocabulary.has_objects:
        return Inversion(ids=ids, energy=energy, nfe=posterior.nfe.clone(), trace=trace.courses,
                         class_energy=class_energy(posterior))
    by_class = class_evidence(posterior, ids)
    own = vocabulary.class_places(vocabulary.objects(ids)[..., CLASS])
    return Inversion(ids=ids, energy=energy, nfe=posterior.nfe.clone(), trace=trace.courses,
                     evidence=by_class.gather(-1, own[..., None])[..., 0], class_evidence=by_class)
