"""Maps of boxes against a loop over objects, pixels and channels, and against numbers worked out by hand."""
import math

import numpy as np
import pytest
import torch

from dive_mmdet.diffusion import BoxChannels, CoordinateTable
from dive_mmdet.layout import LayoutTokenizer, LayoutVocabulary

SIDE, EDGE = 8, 0.5
VOCABULARY = LayoutVocabulary(num_classes=3, num_objects=4, grid=SIDE + 1)
BOXES = dict(
    one=[(0, 2, 1, 6, 5)],
    touching=[(0, 1, 1, 4, 4), (1, 4, 1, 7, 4)],
    nested=[(2, 0, 0, 8, 8), (1, 3, 3, 5, 5)],
    at_the_edge=[(1, 0, 5, 3, 8)],
    past_the_edge=[(0, -3, 2, 4, 11)],
    outside=[(2, 9, 9, 12, 12)],
    narrower_than_a_pixel=[(1, 2.2, 3, 2.4, 7)],
    reversed=[(0, 6, 2, 3, 5)],
    absent=[])


def vectors(width=2):
    return torch.randn(3, width, generator=torch.Generator().manual_seed(0))


def rows_of(objects, vectors, slots=4):
    """Rows of objects (label, x0, y0, x1, y1) in pixels, written by hand; absent ones are zero."""
    rows = torch.zeros(1, 3 * slots, 1 + vectors.shape[1])
    for slot, (label, *box) in enumerate(objects):
        rows[0, 3 * slot] = torch.cat([torch.ones(1), vectors[label]])
        rows[0, 3 * slot + 1, :2] = torch.tensor(box[:2]) / SIDE
        rows[0, 3 * slot + 2, :2] = torch.tensor(box[2:]) / SIDE
    return rows


def maps_by_hand(objects, vectors, edge=EDGE):
    """One pixel, one object, one channel at a time, in numpy."""
    def sigmoid(z):
        return 1 / (1 + math.exp(-z))

    vectors = vectors.numpy().astype(np.float64)
    maps = np.zeros((7 + vectors.shape[1], SIDE, SIDE))
    for label, *box in objects:
        x0, y0, x1, y1 = box
        for row in range(SIDE):
            for column in range(SIDE):
                x, y = column + 0.5, row + 0.5
                mask = (sigmoid((x - x0) / edge) * sigmoid((x1 - x) / edge)
                        * sigmoid((y - y0) / edge) * sigmoid((y1 - y) / edge))
                u = min(max((x - (x0 + x1) / 2) / (max(x1 - x0, 1) / 2), -1), 1)
                v = min(max((y - (y0 + y1) / 2) / (max(y1 - y0, 1) / 2), -1), 1)
                values = [1, u, v]
                for place in (u, v):
                    values += [math.sin(math.pi * place), math.cos(math.pi * place)]
                maps[:, row, column] += mask * np.array([*values, *vectors[label]])
    return torch.from_numpy(maps)


@pytest.mark.parametrize('name', BOXES)
def test_maps_are_those_of_a_loop(name, device):
    channels = BoxChannels(SIDE, class_dim=2, edge=EDGE).to(device)
    maps = channels(rows_of(BOXES[name], vectors()).to(device))
    assert maps.shape == (1, channels.out_channels, SIDE, SIDE) == (1, 9, SIDE, SIDE)
    torch.testing.assert_close(maps[0].cpu().double(), maps_by_hand(BOXES[name], vectors()), rtol=1e-5, atol=1e-5)


def test_a_pixel_by_hand():
    """Box 2, 1 to 6, 5 with an edge of 1: at the pixel of centre (4.5, 1.5), u = 0.25 and v = -0.75."""
    maps = BoxChannels(SIDE, class_dim=1, edge=1.0)(rows_of([(0, 2, 1, 6, 5)], torch.tensor([[3.0]])))
    mask = 1 / ((1 + math.exp(-2.5)) * (1 + math.exp(-1.5)) * (1 + math.exp(-0.5)) * (1 + math.exp(-3.5)))
    half = math.sqrt(0.5)
    expected = mask * torch.tensor([1, 0.25, -0.75, half, half, -half, -half, 3])
    torch.testing.assert_close(maps[0, :, 1, 4], expected, rtol=1e-5, atol=1e-6)


def test_sharp_edges_make_a_box_of_ones():
    maps = BoxChannels(SIDE, class_dim=2, edge=1e-3)(rows_of([(0, 2, 1, 6, 5)], vectors()))
    box = torch.zeros(SIDE, SIDE)
    box[1:5, 2:6] = 1
    assert torch.equal(maps[0, 0], box)


def test_the_order_of_objects_carries_no_meaning():
    channels, objects = BoxChannels(SIDE, class_dim=2), BOXES['nested'] + BOXES['one']
    maps = channels(rows_of(objects, vectors()))
    torch.testing.assert_close(channels(rows_of(objects[::-1], vectors())), maps, rtol=1e-5, atol=1e-6)
    assert channels.order_free


def test_a_crop_at_the_end_is_not_drawn():
    rows, channels = rows_of(BOXES['one'], vectors()), BoxChannels(SIDE, class_dim=2)
    crop = torch.rand(1, 2, 3, generator=torch.Generator().manual_seed(3))
    assert torch.equal(channels(torch.cat([rows, crop], dim=1)), channels(rows))


def test_maps_have_gradients_of_boxes_and_class_vectors():
    """Against differences in double precision, at boxes away from where a pixel's place is clipped."""
    channels = BoxChannels(6, class_dim=2, edge=0.7)
    rows = rows_of([(0, 1.3, 0.9, 6.1, 7.2), (1, 2.2, 3.1, 7.4, 5.8)], vectors(), slots=2).double()
    random = torch.randn(channels.out_channels, 6, 6, generator=torch.Generator().manual_seed(1)).double()

    def total(rows):
        return (channels(rows).double() * random).sum()

    leaf = rows.clone().requires_grad_()
    gradient, = torch.autograd.grad(total(leaf), leaf)
    step = 2e-3
    for place in ((0, 0, 1), (0, 1, 0), (0, 2, 1), (0, 3, 0), (0, 5, 0)):
        moved = [rows.clone(), rows.clone()]
        moved[0][place] -= step
        moved[1][place] += step
        difference = (total(moved[1]) - total(moved[0])) / (2 * step)
        torch.testing.assert_close(gradient[place], difference, rtol=0.02, atol=1e-3)
    assert bool((gradient[0, [1, 2, 4, 5], :2] != 0).all()) and bool((gradient[0, [1, 2, 4, 5], 2:] == 0).all())


def test_maps_are_drawn_in_float32_in_mixed_precision():
    channels, rows = BoxChannels(SIDE, class_dim=2), rows_of(BOXES['nested'], vectors())
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(channels(rows), channels(rows.clone()))
        maps = channels(rows)
    assert maps.dtype == torch.float32 and torch.equal(maps, channels(rows))


def test_no_map_of_an_object_is_kept():
    """Of 60 objects the profiles alone are saved for the backward: far less than 60 maps."""
    saved = []

    def pack(tensor):
        saved.append(tensor.numel())
        return tensor

    rows = torch.rand(1, 180, 17, generator=torch.Generator().manual_seed(2)).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        maps = BoxChannels(64, class_dim=16)(rows)
    assert maps.requires_grad and max(saved) < 60 * 64 * 64


def test_rows_come_from_a_table_of_coordinates():
    table, tokenizer = CoordinateTable(VOCABULARY, class_dim=2), LayoutTokenizer(VOCABULARY)
    objects = [(1, 0, 5, 3, 8), (2, 3, 0, 8, 4)]
    ids = tokenizer.encode(torch.tensor([box for _, *box in objects]) / SIDE, torch.tensor([1, 2]))
    rows = table(ids)[None].detach()
    torch.testing.assert_close(rows, rows_of(objects, table.weight.detach()), rtol=0, atol=0)


def test_impossible_drawings_are_refused():
    with pytest.raises(ValueError, match='Boxes are drawn with edge > 0, got edge=0.0'):
        BoxChannels(SIDE, edge=0.0)


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_boxes_that_are_not_finite_are_refused(value):
    rows = rows_of(BOXES['one'], vectors())
    rows[0, 1, 0] = value
    with pytest.raises(ValueError, match='A box or class vector is not finite'):
        BoxChannels(SIDE, class_dim=2)(rows)


def test_rows_of_another_table_are_refused():
    with pytest.raises(ValueError, match='Rows of 5 numbers do not fit channels of class_dim=2'):
        BoxChannels(SIDE, class_dim=2)(torch.zeros(1, 12, 5))
