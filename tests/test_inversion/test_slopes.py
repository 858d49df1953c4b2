"""First-order scores of moves against energies of the moved layouts, on a generator that paints boxes."""
import torch
from helpers.painting import PaintingGenerator

from dive_mmdet.inversion.moves import move_boxes
from dive_mmdet.inversion.slopes import side_slopes

TRUTH = ((1, 2, 3, 8, 9), (2, 10, 9, 14, 14))
IMAGE = torch.zeros(1, dtype=torch.long)


class SmoothGenerator(PaintingGenerator):
    """Predicts the grey everywhere as a quadratic of all corners, so that first-order scores are exact up to s^2."""

    def paint(self, rows):
        objects = self.vocabulary.objects(rows.transpose(1, 2)).permute(0, 2, 3, 1)      # (B, K, 3, 4)
        weights = torch.tensor([[3.0, -2.0], [-1.0, 4.0]])
        level = (objects[:, :, 1:, :2] * weights).sum(dim=(1, 2, 3))
        return level[:, None, None, None].expand(-1, 1, self.size, self.size)


def test_slopes_are_the_directional_derivatives():
    """The energy is (level - target)^2, so a step of s changes it by 2 (level - target) w s / 16 + (w s / 16)^2."""
    generator = SmoothGenerator()
    posterior = generator.posterior([generator.layout(*TRUTH)])
    start = generator.layout((1, 3, 3, 8, 9), (2, 10, 9, 14, 14))[None]
    steps = torch.tensor([-2, -1, 1, 2])
    slopes = side_slopes(posterior, IMAGE, start, 4, steps)
    weights = torch.tensor([3.0, -2.0, -1.0, 4.0]) / 16
    expected = 2 * (3 / 16) * weights[:, None] * steps
    torch.testing.assert_close(slopes[0, :2], expected.expand(2, 4, 4), rtol=1e-3, atol=1e-5)
    assert posterior.nfe.tolist() == [3 * 4]  # a backward counts as two
    for side in range(4):
        moved, _ = move_boxes(start, torch.tensor([0]), torch.eye(4, dtype=torch.long)[side][None, None],
                              generator.vocabulary, (1, 16))
        change = posterior.energy(IMAGE, moved[:, 0]) - posterior.energy(IMAGE, start)
        torch.testing.assert_close(change[0] - weights[side] ** 2, slopes[0, 0, side, 2], rtol=1e-3, atol=1e-5)
