"""What a search for layouts costs and finds, measured on painted scenes: no weights are needed."""
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from dive_mmdet.inversion import Likelihood, Posterior
from dive_mmdet.inversion.moves import corners_to_steps
from dive_mmdet.layout import LayoutVocabulary
from dive_mmdet.layout.vocabulary import CLASS
from dive_mmdet.registry import MODELS

from .painted_scenes import colours_of, random_layouts
from .painting import Painting

SPOTS = 0.2  # standard deviation of what no layout paints; colours are between 0.5 and 1.5
AT_ONCE = 256  # paintings


@dataclass(frozen=True)
class SearchCost:
    """What was measured on N scenes.

    Attributes:
        nfe: (N,) evaluations an image.
        shared_nfe: evaluations that all images share.
        found: part of the painted objects that were found, with an IoU above 0.5 and the right label.
        right: part of the found objects that were painted.
    """
    nfe: Tensor
    shared_nfe: int
    found: float
    right: float


def planned_cost(model: Mapping, latent_shape: tuple[int, int, int], objects: int, images: int) -> SearchCost:
    """What the search of a model's config costs on scenes of its vocabulary, as large as its anchors or smaller.

    Args:
        model: of a config.
        latent_shape: (c, h, w) of its latents.
        objects: of each scene.
        images: scenes.
    """
    vocabulary = LayoutVocabulary(**model['backbone']['vocabulary'])
    scales = model['inverter']['anchors']['scales']
    layouts = random_layouts(vocabulary, images, objects, (min(scales), max(scales)))
    colours = colours_of(vocabulary.num_classes, vocabulary.modifier_bits, latent_shape[0],
                         torch.Generator().manual_seed(0))
    return measured_cost(model['inverter'], model['objective'], Painting(vocabulary, colours, latent_shape[1]), layouts)


def measured_cost(inverter: Mapping, objective: Mapping, generator: Painting, layouts: Tensor) -> SearchCost:
    """Search the paintings of layouts (N, L), with spots on them, as a config's inverter and objective say."""
    rng = torch.Generator().manual_seed(0)
    painted = generator.paint(generator.embed(layouts))
    images = painted + SPOTS * torch.randn(painted.shape, generator=rng)
    # Whatever precision a network would have.
    likelihood = Likelihood(generator, **{key: value for key, value in objective.items() if key != 'precision'})
    search = MODELS.build(inverter)
    with torch.no_grad():
        found = search.invert(Posterior(likelihood, images, batch_size=AT_ONCE))
    vocabulary = generator.vocabulary
    return SearchCost(found.nfe, search.shared_nfe, found_part(vocabulary, found.ids, layouts),
                      found_part(vocabulary, layouts, found.ids))


def found_part(vocabulary: LayoutVocabulary, ids: Tensor, true: Tensor) -> float:
    """Part of the objects of true layouts that found ones have, (N, L), (N, L)."""
    from mmdet.structures.bbox import bbox_overlaps  # not needed where nothing is measured
    hits = total = 0
    for layouts in zip(true, ids):
        objects = [vocabulary.objects(layout)[vocabulary.is_present(layout)] for layout in layouts]
        labels = [vocabulary.class_labels[vocabulary.class_places(each[:, CLASS])] for each in objects]
        boxes = [corners_to_steps(each[:, 1:], vocabulary.grid).float() for each in objects]
        met = (bbox_overlaps(*boxes) > 0.5) & (labels[0][:, None] == labels[1])
        hits, total = hits + int(met.any(dim=1).sum()), total + len(met)
    return hits / max(1, total)
