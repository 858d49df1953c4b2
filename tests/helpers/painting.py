"""A generator in closed form, on which the answer of an inversion is known."""
import torch
from torch import Tensor, nn

from dive_mmdet.analysis.painting import Painting
from dive_mmdet.inversion import Likelihood, Posterior
from dive_mmdet.layout import LayoutVocabulary


class PaintingGenerator(Painting):
    """A `Painting` in greys whose grid points are the edges of pixels.

    A painted layout of boxes that do not touch is the only optimum of its own image.

    Args:
        num_objects: K.
        size: side of the image; a power of two, so that painting rounds nothing.
        greys: of the classes.
        order_free, leak: as in `Painting`.
        crop: whether the layout ends with a crop, which is not painted.
    """

    def __init__(self, num_objects: int = 3, size: int = 16, greys: tuple = (0.75, 1.0, 1.25),
                 order_free: bool = True, crop: bool = False, leak: float = 0.0):
        vocabulary = LayoutVocabulary(len(greys), num_objects, grid=size + 1, encode_crop=crop)
        super().__init__(vocabulary, torch.tensor(greys)[:, None], size, order_free, leak)

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
