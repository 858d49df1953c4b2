"""The object encoder sees a set of objects, not a sequence."""
import pytest
import torch

from dive_mmdet.diffusion import ObjectEncoder


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return ObjectEncoder(row_dim=6, width=16, num_layers=2, num_heads=4).eval()


def rows(count, crop=False):
    return torch.randn(2, 3 * count + 2 * crop, 6, generator=torch.Generator().manual_seed(1))


def permuted(layout, order):
    """The same layout with its objects in another order; a crop stays at the end."""
    objects = layout[:, :3 * len(order)].unflatten(1, (-1, 3))[:, order].flatten(1, 2)
    return torch.cat([objects, layout[:, 3 * len(order):]], dim=1)


@pytest.mark.parametrize('crop', [False, True])
def test_permuting_the_objects_permutes_the_context(encoder, crop):
    layout, order = rows(4, crop), [2, 0, 3, 1]
    with torch.no_grad():
        context, shuffled = encoder(layout), encoder(permuted(layout, order))
    assert context.shape == (2, 4 + crop, encoder.context_dim) == (2, 4 + crop, 16)
    torch.testing.assert_close(shuffled, context[:, order + [4] * crop], rtol=1e-5, atol=1e-5)


def test_swapping_the_corners_of_an_object_is_not_a_permutation(encoder):
    layout = rows(2)
    with torch.no_grad():
        assert not torch.allclose(encoder(layout), encoder(layout[:, [0, 2, 1, 3, 4, 5]]), atol=1e-2)


def test_objects_look_at_each_other_and_items_do_not(encoder):
    layout = rows(3).requires_grad_()
    encoder(layout)[0, 0].sum().backward()
    reached = layout.grad.abs().sum(dim=2) > 0
    assert bool(reached[0].all()) and not bool(reached[1].any())
