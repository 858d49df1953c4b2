"""Wrong layouts made from a true one, to ask a generator whether it notices."""
import torch
from torch import Tensor

from .tokenizer import LayoutTokenizer
from .vocabulary import CLASS


def swap_one_label(ids: Tensor, tokenizer: LayoutTokenizer, generator: torch.Generator) -> Tensor:
    """One random object gets another random category, (L,) -> (L,); its modifiers stay.

    Raises:
        ValueError: no object, or a single category.
    """
    vocabulary = tokenizer.vocabulary
    if vocabulary.num_classes < 2:
        raise ValueError('With a single category there is no label to swap.')
    slot = _random_object(ids, tokenizer, generator)
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
    slot = _random_object(ids, tokenizer, generator)
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


def _random_object(ids: Tensor, tokenizer: LayoutTokenizer, generator: torch.Generator) -> int:
    present = tokenizer.vocabulary.is_present(ids).nonzero()[:, 0]
    if not len(present):
        raise ValueError('A layout without objects cannot be corrupted.')
    return int(present[torch.randint(len(present), (1,), generator=generator)])
