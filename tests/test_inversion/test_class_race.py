"""Energies that a race leaves behind, against a sort by hand."""
import pytest
import torch

from dive_mmdet.inversion.class_race import behind


@pytest.mark.parametrize('scale', [1e-3, 1.0, 1e4])
def test_who_was_dropped_earlier_stands_behind_at_any_size_of_the_energies(scale):
    generator = torch.Generator().manual_seed(0)
    energy, last = scale * torch.rand(60, generator=generator), torch.randint(4, (60,), generator=generator)
    groups = torch.arange(60) % 3
    last[:6] = 3  # someone is left in every group
    found = behind(energy, last, groups)
    for group in range(3):
        mine = (groups == group).nonzero()[:, 0].tolist()
        ranks = sorted(mine, key=lambda c: (-int(last[c]), float(energy[c])))
        assert sorted(mine, key=lambda c: float(found[c])) == ranks
        assert len({float(found[c]) for c in mine}) == len(mine)
    assert torch.equal(found[last == 3], energy[last == 3])


def test_one_that_is_left_is_before_all_that_were_dropped():
    energy = torch.tensor([900.0, 899.0, 898.0])  # on fewer and fewer pairs
    assert behind(energy, torch.tensor([2, 1, 0]), torch.zeros(3, dtype=torch.long)).argmin() == 0
