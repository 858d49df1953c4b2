"""Rows of the token table: where they start and which of them training may move."""
import pytest
import torch

from dive_mmdet.diffusion import TokenTable
from dive_mmdet.diffusion.token_table import sinusoids
from dive_mmdet.layout import LayoutVocabulary

SEPARATE = LayoutVocabulary(num_classes=3, num_objects=2, grid=9)
SHARED = LayoutVocabulary(num_classes=3, num_objects=2, num_tokens=90, shared_ids=True)


@pytest.mark.parametrize('vocabulary', [SEPARATE, SHARED])
def test_an_id_selects_its_row(vocabulary):
    table = TokenTable(vocabulary, dim=8)
    ids = torch.tensor([[0, vocabulary.none], [4, 4]])
    rows = table(ids)
    assert table.weight.shape == (vocabulary.num_tokens, 8) and table.dim == 8 and rows.shape == (2, 2, 8)
    assert torch.equal(rows[0, 1], table.weight[vocabulary.none]) and torch.equal(rows[1, 0], rows[1, 1])


def test_sinusoidal_rows_are_those_of_their_points():
    table = TokenTable(SEPARATE, dim=16, corner_init='sinusoid', corner_max_cycles=2.0)
    points = torch.tensor([[0.125, 0.75]])                            # column 1, row 6 of the 9 x 9 grid
    torch.testing.assert_close(table.weight[[6 * 9 + 1]].detach(), sinusoids(points, 16, max_cycles=2.0))


def test_the_nearest_rows_are_those_of_neighbouring_points():
    table = TokenTable(SEPARATE, dim=64, corner_init='sinusoid', corner_max_cycles=2.0)
    rows = table.weight.detach()[SEPARATE.corner_ids]
    centre = 4 * 9 + 4
    nearest = (rows - rows[centre]).norm(dim=1).argsort()[:5].tolist()
    assert nearest[0] == centre and set(nearest[1:]) == {centre - 1, centre + 1, centre - 9, centre + 9}


def test_sinusoids_have_unit_variance_and_the_frequencies_they_name():
    points = torch.stack(torch.meshgrid(*[torch.linspace(0, 1, 41)] * 2, indexing='xy'), dim=-1).flatten(0, 1)
    features = sinusoids(points, 32, max_cycles=8.0)
    assert float(features.square().mean()) == pytest.approx(1, abs=0.05)
    x = points[:, 0].double()
    half_a_cycle, eight_cycles = ((2 ** 0.5) * (2 * torch.pi * cycles * x).sin() for cycles in (0.5, 8.0))
    torch.testing.assert_close(features[:, 0], half_a_cycle.float(), rtol=0, atol=1e-5)
    torch.testing.assert_close(features[:, 7], eight_cycles.float(), rtol=0, atol=1e-5)


@pytest.mark.parametrize('train_corners', [True, False])
def test_corner_rows_get_a_gradient_only_if_they_are_trained(train_corners):
    table = TokenTable(SEPARATE, dim=8, train_corners=train_corners)
    table(torch.arange(SEPARATE.num_tokens)).square().sum().backward()
    moved = table.weight.grad.abs().sum(dim=1) > 0
    assert bool(moved[SEPARATE.class_ids].all()) and bool(moved[SEPARATE.none])
    assert bool(moved[SEPARATE.corner_ids].all()) == bool(moved[SEPARATE.corner_ids].any()) == train_corners


def test_only_the_rows_are_stored():
    assert list(TokenTable(SEPARATE, dim=8, train_corners=False).state_dict()) == ['weight']


@pytest.mark.parametrize('vocabulary, arguments, sentence', [
    (SEPARATE, dict(dim=8, corner_init='zeros'), "Unknown corner_init 'zeros': use 'sinusoid' or 'normal'"),
    (SHARED, dict(dim=8, train_corners=False), 'train_corners=False needs a vocabulary with shared_ids=False'),
    (SEPARATE, dict(dim=6, corner_init='sinusoid'), '2-D sinusoids need a width divisible by 4, not 6'),
])
def test_impossible_tables_are_refused(vocabulary, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        TokenTable(vocabulary, **arguments)
