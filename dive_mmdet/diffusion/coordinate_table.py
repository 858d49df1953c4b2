"""A table whose corner rows are computed: coordinates, of a grid as fine as one likes."""
import torch
from torch import Tensor, nn

from dive_mmdet.layout import LayoutVocabulary
from dive_mmdet.registry import MODELS


@MODELS.register_module()
class CoordinateTable(nn.Module):
    """Rows of coordinates and of classes, looked up for classes alone.

    The row of a corner is (x, y, 0, ...) with x and y in [0, 1], so a gradient of a row is one of a box; that of a
    class is (1, its vector), where the 1 says that there is an object; that of none is zero.

    Args:
        vocabulary: the ids, classes apart from corners.
        class_dim: width of a class vector.

    Raises:
        ValueError: classes and corners share ids, or there is no room for a class.
    """

    first_class = 0  # where `weight` has the first class

    def __init__(self, vocabulary: LayoutVocabulary, class_dim: int = 16):
        super().__init__()
        if vocabulary.shared_ids:
            raise ValueError('Corners that are coordinates need a vocabulary with shared_ids=False: an id is a corner '
                             'or a class there.')
        if class_dim < 1:
            raise ValueError(f'A class vector needs at least one number, got class_dim={class_dim}.')
        self.vocabulary = vocabulary
        self.grid, self.none, self.num_corners = vocabulary.grid, vocabulary.none, vocabulary.num_corners
        self.weight = nn.Parameter(torch.randn(vocabulary.none - vocabulary.class_offset, class_dim))

    @property
    def dim(self) -> int:
        """D, width of a row."""
        return 1 + self.weight.shape[1]

    def forward(self, ids: Tensor) -> Tensor:
        """(...) ids -> (..., D) rows.

        Raises:
            ValueError: an id outside the vocabulary.
        """
        self.vocabulary.require_known(ids)
        is_corner, is_class = ids < self.num_corners, (ids >= self.num_corners) & (ids < self.none)
        vectors = nn.functional.embedding((ids - self.num_corners).clamp(0, len(self.weight) - 1), self.weight)
        rows = torch.cat([torch.ones_like(vectors[..., :1]), vectors], dim=-1) * is_class[..., None]
        corners = torch.cat([self.points(ids), torch.zeros_like(vectors[..., 1:])], dim=-1)
        return torch.where(is_corner[..., None], corners, rows)

    def points(self, corner_ids: Tensor) -> Tensor:
        """Coordinates of corner ids in [0, 1], (...) -> (..., 2) x, y."""
        steps = torch.stack([corner_ids % self.grid, corner_ids // self.grid], dim=-1)
        return (steps.double() / (self.grid - 1)).to(self.weight)

    def typical_rows(self) -> Tensor:
        """Rows that show what scale rows have, (R, D): all classes, and as many corners along the diagonal."""
        points = torch.linspace(0, 1, max(2, len(self.weight))).to(self.weight)[:, None]
        corners = nn.functional.pad(points.expand(-1, 2), (0, self.dim - 2))
        classes = nn.functional.pad(self.weight.detach(), (1, 0), value=1.0)
        return torch.cat([classes, corners])
