"""Wrong layouts made from a true one, to ask a generator whether it notices."""
import torch
from torch import Tensor

from .tokenizer import LayoutTokenizer
from .vocabulary import CLASS

SHRUNK, GROWN = 0.7, 1.4  # times the length of the sides of all boxes


def wrong_layouts(ids: Tensor, tokenizer: LayoutTokenizer, seeds: list[int], shift: float) -> dict[str, Tensor]:
    """Wrong layouts of N images by kind, (N, L) each; where nothing can be made wrong a layout stays as it is.

    `empty` has no objects; `shuffled` is the next image's, where there are two; `class_swapped` has an object of
    another class, where there are two; `shifted` a moved box; `shrunk` and `grown` have all boxes resized; `dropped`
    and `extra` an object too few or too many.

    Args:
        ids: true layouts, (N, L).
        tokenizer: of the layouts.
        seeds: of what is drawn for each image.
        shift: by how much a box moves, in image sides.
    """
    vocabulary, where = tokenizer.vocabulary, ids.device
    ids = ids.cpu()
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    has_objects = vocabulary.is_present(ids).any(dim=1).tolist()

    def one_object(corrupt, *arguments) -> Tensor:
        return torch.stack([corrupt(row, tokenizer, generator, *arguments) if any_object else row
                            for row, generator, any_object in zip(ids, generators, has_objects)])
    layouts = dict(empty=vocabulary.empty().expand_as(ids))
    if len(ids) > 1:
        layouts['shuffled'] = ids.roll(1, dims=0)
    if vocabulary.num_classes > 1:
        layouts['class_swapped'] = one_object(swap_one_label)
    layouts |= dict(shifted=one_object(shift_one_box, shift), shrunk=resize_boxes(ids, tokenizer, SHRUNK),
                    grown=resize_boxes(ids, tokenizer, GROWN), dropped=one_object(drop_one_object),
                    extra=one_object(add_one_object))
    return {kind: wrong.to(where) for kind, wrong in layouts.items()}


def swap_one_label(ids: Tensor, tokenizer: LayoutTokenizer, generator: torch.Generator) -> Tensor:
    """One random object gets another random category, (L,) -> (L,); its modifiers stay.

    Raises:
        ValueError: no object, or a single category.
    """
    vocabulary = tokenizer.vocabulary
    if vocabulary.num_classes < 2:
        raise ValueError('With a single category there is no label to swap.')
    slot = random_object(ids, tokenizer, generator)
    step = int(torch.randint(1, vocabulary.num_classes, (1,), generator=generator))
    wrong = ids.clone()
    token = vocabulary.objects(wrong)[slot]
    class_id = token[CLASS] - vocabulary.class_offset
    modifier, label = class_id // vocabulary.num_classes, class_id % vocabulary.num_classes
    token[CLASS] = (label + step) % vocabulary.num_classes + modifier * vocabulary.num_classes + vocabulary.class_offset
    return wrong


def shift_one_box(ids: Tensor, tokenizer: LayoutTokenizer, generator: torch.Generator, shift: float) -> Tensor:
    """One random box moves by `shift` (in image sides) along a random axis, (L,) -> (L,).

    It moves towards the side that leaves it inside the image; where neither does, it stops at the border.
    """
    vocabulary = tokenizer.vocabulary
    slot = random_object(ids, tokenizer, generator)
    wrong = ids.clone()
    corners = vocabulary.objects(wrong)[slot, 1:]
    points = tokenizer.corner_points(corners)                                         # (2, 2)
    axis, sign = torch.randint(2, (2,), generator=generator).tolist()
    step = shift if sign else -shift
    if not 0 <= float(points[0, axis] + step) <= float(points[1, axis] + step) <= 1:
        step = -step
    points[:, axis] += step
    corners.copy_(tokenizer.corner_ids(points.clamp(0, 1)))
    return wrong


def resize_boxes(ids: Tensor, tokenizer: LayoutTokenizer, factor: float) -> Tensor:
    """All boxes with sides `factor` times as long about their centres, cut at the image's border, (N, L) -> (N, L).

    A side keeps at least one grid step.
    """
    vocabulary = tokenizer.vocabulary
    wrong = ids.clone()
    corners = vocabulary.objects(wrong)[..., 1:]                                      # (N, K, 2)
    points = tokenizer.corner_points(corners)                                         # (N, K, 2, 2)
    low, high = points[..., 0, :], points[..., 1, :]
    step = 1 / (vocabulary.grid - 1)
    half = (factor * (high - low) / 2).clamp(min=step / 2)
    centre = (low + high) / 2
    low = ((centre - half) / step).round().clamp(0, vocabulary.grid - 2) * step
    high = torch.maximum((centre + half).clamp(max=1), low + step)
    resized = tokenizer.corner_ids(torch.stack([low, high], dim=-2))
    corners.copy_(torch.where(vocabulary.is_present(ids)[..., None], resized, corners))
    return wrong


def drop_one_object(ids: Tensor, tokenizer: LayoutTokenizer, generator: torch.Generator) -> Tensor:
    """One random object is left out, (L,) -> (L,).

    Raises:
        ValueError: no object.
    """
    wrong = ids.clone()
    tokenizer.vocabulary.objects(wrong)[random_object(ids, tokenizer, generator)] = tokenizer.vocabulary.none
    return wrong


def add_one_object(ids: Tensor, tokenizer: LayoutTokenizer, generator: torch.Generator, tries: int = 20) -> Tensor:
    """A free slot gets a random object's class and size at a random place, (L,) -> (L,).

    Of `tries` places the one is taken that other boxes cover least. Without a free slot the layout stays as it is.

    Raises:
        ValueError: no object.
    """
    vocabulary = tokenizer.vocabulary
    slot = random_object(ids, tokenizer, generator)
    free = (~vocabulary.is_present(ids)).nonzero()[:, 0]
    if not len(free):
        return ids.clone()
    wrong = ids.clone()
    objects = vocabulary.objects(wrong)
    boxes = tokenizer.corner_points(objects[vocabulary.is_present(ids)][:, 1:])       # (k, 2, 2)
    size = (tokenizer.corner_points(objects[slot, 1:]) * torch.tensor([[-1.0], [1.0]])).sum(dim=0)
    low = torch.rand(tries, 2, generator=generator, dtype=torch.float64) * (1 - size)
    places = torch.stack([low, low + size], dim=1)                                    # (tries, 2, 2)
    overlap = (torch.minimum(places[:, None, 1], boxes[:, 1])
               - torch.maximum(places[:, None, 0], boxes[:, 0])).clamp(min=0).prod(dim=-1).sum(dim=1)
    best = places[overlap.argmin()].clamp(0, 1)
    objects[free[0]] = torch.cat([objects[slot, :1], tokenizer.corner_ids(best)])
    return wrong


def random_object(ids: Tensor, tokenizer: LayoutTokenizer, generator: torch.Generator) -> int:
    """Slot of a random object of a layout, (L,).

    Raises:
        ValueError: no object.
    """
    present = tokenizer.vocabulary.is_present(ids).nonzero()[:, 0]
    if not len(present):
        raise ValueError('A layout without objects cannot be corrupted.')
    return int(present[torch.randint(len(present), (1,), generator=generator)])
