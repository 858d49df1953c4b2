"""Conditions whose corners are coordinates against a search through all rows, and against painted boxes."""
import pytest
import torch
from helpers.painting import PaintingGenerator, objects_of

from dive_mmdet.diffusion import CoordinateTable
from dive_mmdet.inversion import GradientInverter
from dive_mmdet.inversion.slopes import side_slopes
from dive_mmdet.inversion.space import CoordinateSpace, space_of
from dive_mmdet.layout import LayoutVocabulary
from dive_mmdet.layout.vocabulary import CLASS

VOCABULARY = LayoutVocabulary(num_classes=3, num_objects=2, grid=5, encode_crop=True)
TRUTH = ((1, 2, 3, 8, 9), (2, 10, 9, 14, 14))


class CoordinatePainting(PaintingGenerator):
    """The painting generator with rows of coordinates: (x, y) and (1, grey), none (0, 0)."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        greys = self.table.weight[self.vocabulary.class_ids, 2:3].clone()
        self.table = CoordinateTable(self.vocabulary, class_dim=1).requires_grad_(False)
        self.table.weight.copy_(greys)

    def mean_class_row(self):
        return self.table(self.vocabulary.class_ids).mean(dim=0)

    def embed(self, ids):
        rows = self.table(ids.masked_fill(ids == self.vocabulary.any_class, self.vocabulary.none))
        return torch.where((ids == self.vocabulary.any_class)[..., None], self.mean_class_row(), rows)

    def paint(self, rows):
        wide = torch.cat([rows, torch.zeros_like(rows)], dim=-1)
        return super().paint(torch.cat([wide[..., :2], rows[..., 1:], wide[..., 3:]], dim=-1))


def table_of(seed=0):
    torch.manual_seed(seed)
    return CoordinateTable(VOCABULARY, class_dim=4).requires_grad_(False)


def conditions(count=64):
    return 0.7 * torch.randn(count, VOCABULARY.length, 5, generator=torch.Generator().manual_seed(1)) + 0.5


def nearest_by_hand(table, v, distance):
    """Every row that a slot may take is measured; an object whose marker is below a half has no corners."""
    ids = []
    for slot, kind in enumerate(VOCABULARY.slot_kinds.tolist()):
        if kind == CLASS:
            own, vectors = v[slot, 1:], table.weight
            far = ((vectors - own).norm(dim=1) if distance != 'cosine' else
                   -(vectors @ own) / (vectors.norm(dim=1) * own.norm()))
            ids.append(VOCABULARY.none if v[slot, 0] < 0.5 else 25 + int(far.argmin()))
        else:
            points = torch.tensor([[i % 5 / 4, i // 5 / 4] for i in range(25)])
            ids.append(int((points - v[slot, :2]).norm(dim=1).argmin()))
    for first in range(0, 3 * VOCABULARY.num_objects, 3):
        if ids[first] == VOCABULARY.none:
            ids[first:first + 3] = [VOCABULARY.none] * 3
    return ids


@pytest.mark.parametrize('distance', ['l2', 'cosine', 'continuous'])
def test_nearest_ids_are_those_of_an_exhaustive_search(distance):
    table, v = table_of(), conditions()
    ids = CoordinateSpace(VOCABULARY, table, distance).nearest(v)
    assert ids.tolist() == [nearest_by_hand(table, row, distance) for row in v]
    assert 0.2 < float(VOCABULARY.is_present(ids).float().mean()) < 0.8


@pytest.mark.parametrize('distance', ['l2', 'cosine', 'continuous'])
def test_rows_are_their_own_nearest(distance):
    space = CoordinateSpace(VOCABULARY, table_of(), distance)
    ids = torch.tensor([[26, 0, 24, 84 - 56, 28, 28, 3, 21], [27, 6, 7, 25, 8, 9, 0, 24]])
    assert torch.equal(space.nearest(space.rows(ids)), ids)


@pytest.mark.parametrize('distance', ['l2', 'cosine'])
def test_projection_passes_the_gradient_of_the_rows_on(distance):
    space = CoordinateSpace(VOCABULARY, table_of(), distance)
    v = conditions(4).requires_grad_()
    ids, rows = space.project(v)
    torch.testing.assert_close(rows.detach(), space.rows(ids))
    weight = torch.randn(rows.shape, generator=torch.Generator().manual_seed(2))
    (rows * weight).sum().backward()
    torch.testing.assert_close(v.grad, weight)


def test_a_continuous_condition_is_not_projected():
    v = conditions(4)
    ids, rows = CoordinateSpace(VOCABULARY, table_of(), 'continuous').project(v)
    assert rows is v and torch.equal(ids, CoordinateSpace(VOCABULARY, table_of(), 'l2').nearest(v))


def test_random_starts_are_layouts_of_boxes():
    space = CoordinateSpace(VOCABULARY, table_of())
    v = space.random(2000, torch.Generator().manual_seed(0))
    low, high = (VOCABULARY.objects(v.transpose(1, 2))[..., corner] for corner in (1, 2))         # (B, D, K)
    assert bool((low[:, :2] <= high[:, :2]).all()) and bool((v[:, VOCABULARY.slot_kinds == CLASS, 0] == 1).all())
    corners = v[:, VOCABULARY.slot_kinds != CLASS]
    assert float(corners[..., :2].mean()) == pytest.approx(0.5, abs=0.01) and not corners[..., 2:].any()
    vectors = v[:, VOCABULARY.slot_kinds == CLASS, 1:]
    assert float(vectors.mean()) == pytest.approx(float(space.table.mean()), abs=0.03)
    assert float(vectors.std()) == pytest.approx(float(space.table.std()), abs=0.03)
    assert torch.equal(v[:3], space.random(2000, torch.Generator().manual_seed(0))[:3])


def test_slopes_are_those_of_a_looked_up_table_of_the_same_rows():
    images, steps = torch.zeros(1, dtype=torch.long), torch.tensor([-2, -1, 1, 2])
    slopes = []
    for kind in (PaintingGenerator, CoordinatePainting):
        generator = kind()
        start = generator.layout((1, 3, 3, 8, 9), (2, 10, 9, 15, 14))[None]
        slopes.append(side_slopes(generator.posterior([generator.layout(*TRUTH)]), images, start, 4, steps))
    assert bool((slopes[0][0, :2] != 0).any())
    torch.testing.assert_close(slopes[1][0, :2], slopes[0][0, :2], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('distance, lr', [('continuous', 0.01), ('l2', 0.02)])
def test_boxes_descend_to_their_places(distance, lr):
    """Every side is one pixel off; a gradient of rows is one of coordinates, in pixels or between them."""
    generator = CoordinatePainting()
    posterior = generator.posterior([generator.layout(*TRUTH)])
    start = generator.layout((1, 1, 2, 9, 10), (2, 9, 8, 15, 15))[None]
    inverter = GradientInverter(distance, loops=30, pairs_per_step=4, lr=lr, weight_decay=0.0)
    found = inverter.invert(posterior, space_of(generator, distance).rows(start))
    assert objects_of(generator, found.ids[0]) == set(TRUTH)


def test_the_table_says_which_space():
    assert isinstance(space_of(CoordinatePainting(), 'l2'), CoordinateSpace)
    assert not isinstance(space_of(PaintingGenerator(), 'l2'), CoordinateSpace)


def test_impossible_spaces_are_refused():
    table = table_of()
    with pytest.raises(ValueError, match="Unknown distance 'l1': use one of l2, cosine, continuous"):
        CoordinateSpace(VOCABULARY, table, 'l1')
    table.weight[1] = 0
    with pytest.raises(ValueError, match='A class vector is zero, which has no direction: use the l2 distance'):
        CoordinateSpace(VOCABULARY, table, 'cosine')
