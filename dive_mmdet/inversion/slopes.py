"""Box moves that one gradient proposes: first-order scores of all sides of all objects at once."""
import torch
from torch import Tensor

from dive_mmdet.layout.vocabulary import TOKENS_PER_OBJECT

from .moves import corners_to_steps, steps_to_corners
from .posterior import Posterior
from .row_vectors import by_token, vectors_of


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
    generator, device = posterior.generator, posterior.latents.device
    gradient = by_token(posterior.gradient(images, generator.embed(ids.to(device)), pairs), vocabulary.length)
    gradient = gradient[:, :count].unflatten(1, (-1, TOKENS_PER_OBJECT))[:, :, 1:]    # (B, K, 2, S D)
    boxes = corners_to_steps(vocabulary.objects(ids)[..., 1:], grid).clamp(max=grid - 1)
    moved = boxes[..., None, None, :] + torch.eye(4, dtype=torch.long)[:, None] * steps[:, None]   # (B, K, 4, S, 4)
    corners = steps_to_corners(moved.clamp(0, grid - 1), grid).to(device)             # (B, K, 4, S, 2)
    here = steps_to_corners(boxes, grid)[..., None, None, :].to(device)
    with torch.no_grad():
        slopes = [((vectors_of(generator, corners[..., corner]) - vectors_of(generator, here[..., corner]))
                   * gradient[:, :, None, None, corner]).sum(-1) for corner in (0, 1)]
    return (slopes[0] + slopes[1]).cpu()
