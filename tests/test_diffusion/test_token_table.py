"""Rows of the token table."""
import pytest
import torch

from dive_mmdet.diffusion import TokenTable
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


def test_every_row_gets_a_gradient_and_nothing_else_is_stored():
    table = TokenTable(SEPARATE, dim=8)
    table(torch.arange(SEPARATE.num_tokens)).square().sum().backward()
    assert bool((table.weight.grad.abs().sum(dim=1) > 0).all()) and list(table.state_dict()) == ['weight']


@pytest.mark.parametrize('setting', ['corner_init', 'corner_max_cycles', 'train_corners'])
def test_settings_of_corner_rows_are_refused_with_what_computes_them(setting):
    with pytest.raises(ValueError, match=f"TokenTable takes no `{setting}`: set `type='dive_mmdet.CoordinateTable'`"):
        TokenTable(SEPARATE, dim=8, **{setting: 0})
