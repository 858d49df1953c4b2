"""A generator in closed form, on which the answer of an inversion is known."""
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from dive_mmdet.diffusion import NoiseSchedule
from dive_mmdet.inversion import Likelihood, Posterior
from dive_mmdet.layout import LayoutTokenizer, LayoutVocabulary


class PaintingGenerator(nn.Module):
    """Predicts x_0 as the sum of the layout's boxes, each filled with the grey of its class; x_t is not looked at.

    So the energy of a layout in the space of samples is its painting's mean squared error, and a painted layout of
    boxes that do not touch is the only optimum of its own image. Grid points are the edges of pixels; a row is
    (x, y, grey, kind), and a pixel is painted as far as a box covers it, which has a gradient. The kind is 1 for
    classes and -3 for none, so that a random condition is rarely nearest to none, where there is no gradient.

    Args:
        num_objects: K.
        size: side of the image; a power of two, so that painting rounds nothing.
        greys: of the classes.
        order_free: what the stub claims of its condition encoder.
        crop: whether the layout ends with a crop, which is not painted.
        leak: part of x_t that is added to the painting, so that errors depend on the noise.
    """

    def __init__(self, num_objects: int = 3, size: int = 16, greys: tuple = (0.75, 1.0, 1.25),
                 order_free: bool = True, crop: bool = False, leak: float = 0.0):
        super().__init__()
        self.vocabulary = LayoutVocabulary(len(greys), num_objects, grid=size + 1, encode_crop=crop)
        self.tokenizer = LayoutTokenizer(self.vocabulary)
        self.size, self.latent_shape = size, (1, size, size)
        self.schedule = NoiseSchedule()
        self.condition = SimpleNamespace(order_free=order_free)
        self.leak, self.evaluations = leak, 0  # a backward counts as two
        rows = torch.zeros(self.vocabulary.num_tokens, 4)
        corners = self.vocabulary.corner_ids
        rows[corners, 0], rows[corners, 1] = (corners % (size + 1)) / size, (corners // (size + 1)) / size
        rows[self.vocabulary.class_ids, 2], rows[self.vocabulary.class_ids, 3] = torch.tensor(greys), 1.0
        rows[self.vocabulary.none, 3] = -3.0
        self.table = nn.Module()
        self.table.weight = nn.Parameter(rows, requires_grad=False)

    def mean_class_row(self) -> Tensor:
        return self.table.weight[self.vocabulary.class_ids].mean(dim=0)

    def embed(self, ids: Tensor) -> Tensor:
        return torch.cat([self.table.weight, self.mean_class_row()[None]])[ids]

    def paint(self, rows: Tensor) -> Tensor:
        """(B, L, 4) -> (B, 1, size, size)."""
        objects = self.vocabulary.objects(rows.transpose(1, 2)).permute(0, 2, 3, 1)      # (B, K, 3, 4)
        low, high = objects[:, :, 1, :2] * self.size, objects[:, :, 2, :2] * self.size
        pixels = torch.arange(self.size)
        covered = (torch.minimum(high[..., None], pixels + 1) - torch.maximum(low[..., None], pixels)).clamp(0, 1)
        masks = covered[:, :, 1, :, None] * covered[:, :, 0, None, :]
        return (objects[:, :, 0, 2, None, None] * masks).sum(dim=1, keepdim=True)

    def predict_noise(self, x_t: Tensor, t: Tensor, rows: Tensor) -> Tensor:
        self.evaluations += len(x_t) * (3 if rows.requires_grad else 1)
        signal, sigma = self.schedule.coefficients(t, x_t)
        return (x_t - signal * (self.paint(rows) + self.leak * x_t)) / sigma

    def layout(self, *objects: tuple[int, int, int, int, int]) -> Tensor:
        """(label, x0, y0, x1, y1) in pixels each -> token ids (L,)."""
        objects = torch.tensor(objects, dtype=torch.float64).reshape(-1, 5)
        return self.tokenizer.encode(objects[:, 1:] / self.size, objects[:, 0])

    def posterior(self, layouts: list[Tensor], num_pairs: int = 4, space: str = 'sample', **arguments) -> Posterior:
        """The objective for the paintings of layouts."""
        likelihood = Likelihood(self, num_pairs=num_pairs, low=300, high=900, space=space)
        return Posterior(likelihood, self.paint(self.embed(torch.stack(layouts))), **arguments)


class TiltedPrior(nn.Module):
    """An energy that anyone can compute: the mean of the rows times fixed numbers."""

    def __init__(self, shape: tuple[int, int]):
        super().__init__()
        self.tilt = torch.randn(shape, generator=torch.Generator().manual_seed(3))
        self.evaluations = 0

    def energy(self, rows: Tensor) -> Tensor:
        self.evaluations += len(rows)
        return (rows * self.tilt).mean(dim=(1, 2))


def objects_of(generator: PaintingGenerator, ids: Tensor) -> set[tuple[int, ...]]:
    """A layout as a set of (label, x0, y0, x1, y1) in pixels."""
    layout = generator.tokenizer.decode(ids)
    boxes = (layout.boxes * generator.size).round().long().tolist()
    return {(label, *box) for label, box in zip(layout.labels.tolist(), boxes)}


def random_scene(generator, count, seed):
    """`count` boxes with at least a pixel between any two, so that no other layout paints the same."""
    random = torch.Generator().manual_seed(seed)

    def draw(low, high):
        return int(torch.randint(low, high + 1, (1,), generator=random))

    boxes = []
    while len(boxes) < count:
        width, height = draw(4, 7), draw(4, 7)
        x0, y0 = draw(0, generator.size - width), draw(0, generator.size - height)
        box = (x0, y0, x0 + width, y0 + height)
        if all(box[0] > b[2] or b[0] > box[2] or box[1] > b[3] or b[1] > box[3] for _, *b in boxes):
            boxes.append((draw(0, generator.vocabulary.num_classes - 1), *box))
    return boxes


def painted_scenes(generator, seeds):
    return [random_scene(generator, count, 10 * count + seed) for seed in seeds for count in (1, 2, 3)]


def require_evidence_of_ink(generator, found):
    """Evidence by brute force on found layouts: a painting's energy is its mean squared error, so its ink says it."""
    greys = generator.table.weight[generator.vocabulary.class_ids, 2].tolist()
    for ids, evidence, by_class in zip(found.ids, found.evidence, found.class_evidence):
        layout = generator.tokenizer.decode(ids)
        for slot, label, box in zip(layout.slots, layout.labels, layout.boxes):
            area = float((box[2:] - box[:2]).prod())
            torch.testing.assert_close(float(evidence[slot]), greys[label] ** 2 * area, rtol=1e-3, atol=1e-5)
            worse = [(grey - greys[label]) ** 2 * area for grey in greys]
            torch.testing.assert_close(evidence[slot] - by_class[slot], torch.tensor(worse), rtol=1e-3, atol=1e-5)
        absent = ~generator.vocabulary.is_present(ids)
        assert not bool(evidence[absent].any()) and not bool(by_class[absent].any())
