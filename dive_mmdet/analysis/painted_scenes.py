"""Random scenes for paintings: what they show, and the colours of the classes."""
import torch
from torch import Tensor

from dive_mmdet.inversion.moves import steps_to_corners
from dive_mmdet.layout import LayoutVocabulary

COVERED = 0.4  # part of an image that its objects cover at most, so that boxes that do not overlap are soon drawn


def colours_of(categories: int, modifier_bits: int, channels: int, rng: torch.Generator) -> Tensor:
    """Of class ids category + C x bits, (C 2^bits, channels): the category's, from 0.5 to 1.5, changed by each bit."""
    colours = 0.5 + torch.rand(categories, channels, generator=rng)
    changes = 0.4 * torch.rand(modifier_bits, channels, generator=rng) - 0.2
    bits = torch.arange(1 << modifier_bits)[:, None] >> torch.arange(modifier_bits) & 1
    return (colours + (bits.float() @ changes)[:, None]).flatten(0, 1)


def random_layouts(vocabulary: LayoutVocabulary, images: int, objects: int, sides: tuple[float, float],
                   seed: int = 0) -> Tensor:
    """Layouts of objects of random classes that do not overlap, (N, L).

    Args:
        vocabulary: of the layouts.
        images: N.
        objects: of each, at most as many as it has slots.
        sides: shortest and longest side of boxes as parts of the image's side; shorter where objects are many.
        seed: of all that is random.
    """
    rng = torch.Generator().manual_seed(seed)
    layouts = vocabulary.empty().repeat(images, 1)
    for layout in layouts:
        boxes = torch.tensor(random_boxes(objects, sides, vocabulary.grid - 1, rng))
        which = torch.randint(vocabulary.num_class_ids, (objects,), generator=rng)
        vocabulary.objects(layout)[:objects] = torch.cat(
            [vocabulary.class_ids[which, None], steps_to_corners(boxes, vocabulary.grid)], dim=1)
    return layouts


def random_boxes(count: int, sides: tuple[float, float], spans: int, rng: torch.Generator) -> list[list[int]]:
    """Boxes x0, y0, x1, y1 in steps of a grid of so many spans that do not overlap, the logarithms of sides uniform."""
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
