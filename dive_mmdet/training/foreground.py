"""More weight on what lies inside boxes."""
import torch
from torch import Tensor

from dive_mmdet.layout import LayoutTokenizer


def foreground_weights(ids: Tensor, tokenizer: LayoutTokenizer, size: tuple[int, int], weight: float,
                       power: float) -> Tensor:
    """Weights of the error of latent pixels, of mean 1 in every image (GeoDiffusion, arXiv 2306.04607, equation 5).

    Before that mean is taken out, a pixel whose centre a box covers weighs `weight` / area ^ `power`, of the smallest
    such box in latent pixels; a background pixel weighs 1 / (h w) ^ `power`.

    Args:
        ids: (N, L) layouts.
        tokenizer: of the layouts.
        size: h, w of the latents.
        weight, power: of the formula (published: 2 and 0.2).

    Returns:
        (N, 1, h, w).
    """
    height, width = size
    vocabulary = tokenizer.vocabulary
    sides = torch.tensor([width, height] * 2, dtype=torch.float32, device=ids.device)
    boxes = tokenizer.corner_points(vocabulary.objects(ids)[..., 1:]).flatten(2).float() * sides      # (N, K, 4)
    x = torch.arange(width, device=ids.device) + 0.5
    y = torch.arange(height, device=ids.device) + 0.5
    area = torch.full((len(ids), height, width), float(height * width), device=ids.device)
    covered = torch.zeros_like(area, dtype=torch.bool)
    for present, (x0, y0, x1, y1) in zip(vocabulary.is_present(ids).T, boxes.permute(1, 2, 0)[..., None, None]):
        inside = (x >= x0) & (x < x1) & (y[:, None] >= y0) & (y[:, None] < y1) & present[:, None, None]
        own = ((x1 - x0) * (y1 - y0)).expand_as(area)
        area, covered = torch.where(inside, torch.minimum(area, own), area), covered | inside
    weights = torch.where(covered, weight, 1.0) / area ** power
    return (weights / weights.mean(dim=(1, 2), keepdim=True))[:, None]
