"""Box moves that one gradient proposes: first-order scores of all sides of all objects at once."""
import torch
from torch import Tensor

from dive_mmdet.layout import LayoutVocabulary
from dive_mmdet.layout.vocabulary import TOKENS_PER_OBJECT

from .moves import SIDE_MOVES, corners_to_steps, move_objects, steps_to_corners
from .posterior import Posterior


def side_slopes(posterior: Posterior, images: Tensor, ids: Tensor, num_pairs: int,
                steps: Tensor) -> Tensor:
    """What moving one side would change of the energy, to first order: gradient x (row there - row here).

    Args:
        posterior: of the images.
        images, ids: (B,), (B, L) layouts.
        num_pairs: first pairs of the bank, on which the gradient is taken; all of a smaller bank.
        steps: (S,) signed moves in grid steps; a side stops at the edge of the image.

    Returns:
        (B, K, 4, S) of x0, y0, x1, y1; of absent objects anything.
    """
    vocabulary, grid = posterior.vocabulary, posterior.vocabulary.grid
    count = TOKENS_PER_OBJECT * vocabulary.num_objects
    pairs = torch.arange(min(num_pairs, posterior.num_pairs))
    embed, device = posterior.generator.embed, posterior.latents.device
    gradient = posterior.gradient(images, embed(ids.to(device)), pairs)
    gradient = gradient[:, :count].unflatten(1, (-1, TOKENS_PER_OBJECT))[:, :, 1:]    # (B, K, 2, D)
    boxes = corners_to_steps(vocabulary.objects(ids)[..., 1:], grid).clamp(max=grid - 1)
    moved = boxes[..., None, None, :] + torch.eye(4, dtype=torch.long)[:, None] * steps[:, None]   # (B, K, 4, S, 4)
    corners = steps_to_corners(moved.clamp(0, grid - 1), grid).to(device)             # (B, K, 4, S, 2)
    here = steps_to_corners(boxes, grid)[..., None, None, :].to(device)
    with torch.no_grad():
        slopes = [((embed(corners[..., corner]) - embed(here[..., corner])) * gradient[:, :, None, None, corner])
                  .sum(-1) for corner in (0, 1)]
    return (slopes[0] + slopes[1]).cpu()


def steepest_moves(slopes: Tensor, steps: Tensor, movable: Tensor, prefixes: int) -> Tensor:
    """Moves of whole layouts that first-order scores recommend.

    They are: every side by its best step, the same by one grid step, every object on its own (where several may
    move), and the best 1, 2, ... `prefixes` sides alone.

    Args:
        slopes: (B, K, 4, S).
        steps: (S,).
        movable: (B, K) bool.
        prefixes: how many.

    Returns:
        (B, M, K, 4) in grid steps; some may be no move at all.
    """
    batch, objects = movable.shape
    least, which = slopes.masked_fill(~movable[..., None, None], float('inf')).min(dim=-1)        # (B, K, 4)
    best = torch.where(least < 0, steps[which], 0)
    moves = [best[:, None], best.sign()[:, None]]
    if objects > 1 and bool((movable.sum(dim=1) > 1).any()):
        moves.append(best[:, None] * torch.eye(objects, dtype=torch.long)[None, :, :, None])
    order = least.flatten(1).topk(prefixes, dim=1, largest=False).indices             # (B, prefixes)
    chosen = torch.nn.functional.one_hot(order, 4 * objects).cumsum(dim=1).unflatten(2, (objects, 4))
    moves.append(torch.where(least.isfinite(), steps[which], 0)[:, None] * chosen)
    return torch.cat(moves, dim=1)


def guided_layouts(posterior: Posterior, images: Tensor, ids: Tensor, movable: Tensor, bounds: tuple[int, int],
                   step: int, num_pairs: int, prefixes: int = 3) -> tuple[Tensor, Tensor]:
    """Neighbours of layouts that the gradient recommends, by steps of 1, 2, 4, ... up to `step`.

    Returns:
        (B, M, L), and which of them differ from the layout that they come from, (B, M) bool.
    """
    sizes = [2 ** power for power in range(step.bit_length())]
    steps = torch.tensor([sign * size for size in sizes for sign in (-1, 1)])
    slopes = side_slopes(posterior, images, ids, num_pairs, steps)
    return move_objects(ids, steepest_moves(slopes, steps, movable, prefixes), posterior.vocabulary, bounds)


def single_steps(vocabulary: LayoutVocabulary, ids: Tensor, movable: Tensor,
                 bounds: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Layouts with one side of one movable object a grid step out or in, and which are new, (B, 8 K, L), (B, 8 K)."""
    own = torch.eye(movable.shape[1], dtype=torch.long)[:, None, :, None]             # (K, 1, K, 1)
    moves = (own * SIDE_MOVES[:, None]).flatten(0, 1)                                 # (8 K, K, 4)
    return move_objects(ids, moves * movable[:, None, :, None], vocabulary, bounds)


def helpful_together(vocabulary: LayoutVocabulary, ids: Tensor, gain: Tensor,
                     bounds: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The single steps that gain energy, (B, 8 K), done together: all, and those of each object; (B, 1 + K, L)."""
    count = vocabulary.num_objects
    best, way = gain.unflatten(1, (count, 4, 2)).max(dim=-1)                          # (B, K, 4)
    moves = torch.where(best > 0, SIDE_MOVES.view(4, 2, 4).sum(dim=-1)[torch.arange(4), way], 0)
    each = moves[:, None] * torch.eye(count, dtype=torch.long)[None, :, :, None]
    return move_objects(ids, torch.cat([moves[:, None], each], dim=1), vocabulary, bounds)
