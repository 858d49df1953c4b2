"""What a search for layouts costs, measured on painted scenes: no weights are needed."""
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from dive_mmdet.inversion import Likelihood, Posterior
from dive_mmdet.inversion.moves import corners_to_steps, steps_to_corners
from dive_mmdet.layout import LayoutVocabulary
from dive_mmdet.layout.vocabulary import CLASS
from dive_mmdet.registry import MODELS

from .painting import Painting

COVERED = 0.4  # part of an image that its objects cover at most, so that boxes that do not overlap are soon drawn
SPOTS = 0.2  # standard deviation of what no layout paints, where colours differ by up to 1
AT_ONCE = 256  # paintings are made on a CPU


@dataclass(frozen=True)
class SearchCost:
    """What was measured on N scenes.

    Attributes:
        nfe: (N,) evaluations an image.
        shared_nfe: evaluations that all images share.
        found: part of the painted objects that were found: IoU above 0.5, the right label.
    """
    nfe: Tensor
    shared_nfe: int
    found: float


def search_cost(inverter: Mapping, objective: Mapping, generator: Painting, layouts: Tensor, seed: int = 0) -> SearchCost:
    """Search the paintings of layouts (N, L), with spots on them.

    Args:
        inverter, objective: of a config.
        generator: that paints.
        layouts: that are painted.
        seed: of the spots.
    """
    rng = torch.Generator().manual_seed(seed)
    painted = generator.paint(generator.embed(layouts))
    images = painted + SPOTS * torch.randn(painted.shape, generator=rng)
    # A painting is in float32 whatever the network would be in.
    likelihood = Likelihood(generator, **{key: value for key, value in objective.items() if key != 'precision'})
    search = MODELS.build(inverter)
    found = search.invert(Posterior(likelihood, images, batch_size=AT_ONCE))
    return SearchCost(found.nfe, search.shared_nfe, found_part(generator.vocabulary, found.ids, layouts))


def colours_of(vocabulary: LayoutVocabulary, channels: int, rng: torch.Generator) -> Tensor:
    """Of all class ids, (C, channels): that of the category, a little changed by its modifiers."""
    categories = 0.5 + torch.rand(vocabulary.num_classes, channels, generator=rng)
    changes = 0.2 * torch.rand(vocabulary.modifier_bits, channels, generator=rng) - 0.1
    bits = torch.arange(1 << vocabulary.modifier_bits)[:, None] >> torch.arange(vocabulary.modifier_bits) & 1
    return (categories + (bits.float() @ changes)[:, None]).flatten(0, 1)             # modifiers are slowest, as in ids


def random_layouts(vocabulary: LayoutVocabulary, images: int, objects: int, sides: tuple[float, float],
                   seed: int = 0) -> Tensor:
    """Layouts of objects that do not overlap, of random classes, (N, L).

    Args:
        vocabulary: of the layouts.
        images: N.
        objects: of each.
        sides: shortest and longest side of boxes as parts of the image's side; lower where objects are many.
        seed: of what is random.
    """
    rng = torch.Generator().manual_seed(seed)
    layouts = vocabulary.empty().repeat(images, 1)
    for layout in layouts:
        boxes = torch.tensor(_random_boxes(objects, sides, vocabulary.grid - 1, rng))
        which = torch.randint(vocabulary.num_class_ids, (objects, 1), generator=rng)
        vocabulary.objects(layout)[:objects] = torch.cat(
            [vocabulary.class_ids[which], steps_to_corners(boxes, vocabulary.grid)], dim=1)
    return layouts


def found_part(vocabulary: LayoutVocabulary, ids: Tensor, true: Tensor) -> float:
    """Part of the objects of true layouts that found layouts have, (N, L), (N, L)."""
    from mmdet.structures.bbox import bbox_overlaps  # not needed where nothing is measured
    hits = total = 0
    for one, other in zip(ids, true):
        here, there = (vocabulary.objects(layout)[vocabulary.is_present(layout)] for layout in (one, other))
        labels = [vocabulary.class_labels[vocabulary.class_places(objects[:, CLASS])] for objects in (there, here)]
        boxes = [corners_to_steps(objects[:, 1:], vocabulary.grid).float() for objects in (there, here)]
        met = (bbox_overlaps(*boxes) > 0.5) & (labels[0][:, None] == labels[1])
        hits, total = hits + int(met.any(dim=1).sum()), total + len(there)
    return hits / max(1, total)


def _random_boxes(count: int, sides: tuple[float, float], spans: int, rng: torch.Generator) -> list[list[int]]:
    """x0, y0, x1, y1 in grid steps; sides are of a uniform logarithm."""
    longest = min(sides[1], 1.5 * (COVERED / count) ** 0.5)
    shortest, boxes, tries = min(sides[0], longest / 2), [], 0
    while len(boxes) < count:
        part = shortest * (longest / shortest) ** torch.rand(2, generator=rng) * 0.98 ** (tries // 100)
        side = (part * spans).round().long().clamp(min=2)
        low = (torch.rand(2, generator=rng) * (spans + 1 - side)).long()
        box, tries = [*low.tolist(), *(low + side).tolist()], tries + 1
        if all(box[0] >= b[2] or b[0] >= box[2] or box[1] >= b[3] or b[1] >= box[3] for b in boxes):
            boxes.append(box)
    return boxes
