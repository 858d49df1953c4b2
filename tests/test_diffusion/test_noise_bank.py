"""The fixed pairs are the same everywhere, and a few of them already cover the range."""
import pytest
import torch

from dive_mmdet.diffusion import NoiseBank, stratified_timesteps


def test_the_bank_depends_on_its_seed_alone():
    timesteps = torch.tensor([3, 500, 999])
    torch.manual_seed(1)
    first = NoiseBank(timesteps, (2, 4, 4), seed=7)
    torch.manual_seed(2)
    second, other = NoiseBank(timesteps, (2, 4, 4), seed=7), NoiseBank(timesteps, (2, 4, 4), seed=8)
    assert torch.equal(first.noise, second.noise) and torch.equal(first.timesteps, timesteps)
    assert not torch.equal(first.noise, other.noise)
    assert len(first) == 3 and first.noise.shape == (3, 2, 4, 4)


def test_building_a_bank_leaves_the_global_random_state_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    NoiseBank(torch.tensor([1]), (1, 2, 2), seed=5)
    assert torch.equal(torch.rand(3), expected)


def test_the_bank_is_not_stored_with_the_weights():
    assert not NoiseBank(torch.arange(2), (1, 2, 2), seed=0).state_dict()


@pytest.mark.parametrize('count, low, high', [(1, 0, 1000), (7, 0, 1000), (64, 0, 1000), (250, 0, 1000), (16, 400, 900),
                                              (10, 5, 15)])
def test_timesteps_are_evenly_spaced(count, low, high):
    timesteps = stratified_timesteps(count, low, high)
    assert timesteps.sort().values.tolist() == [int(low + (high - low) / count * (i + 0.5)) for i in range(count)]
    assert len(set(timesteps.tolist())) == count


@pytest.mark.parametrize('bits', range(1, 7))
def test_every_prefix_of_2_to_the_k_hits_every_2_to_the_k_th_part(bits):
    timesteps = stratified_timesteps(1 << bits, 0, 1024)
    for k in range(bits + 1):
        parts = timesteps[:1 << k] * (1 << k) // 1024
        assert sorted(parts.tolist()) == list(range(1 << k))


@pytest.mark.parametrize('count', [2, 3, 5, 16, 24, 50, 125, 250])
def test_every_prefix_covers_the_range(count):
    """No gap exceeds twice the even spacing of as many timesteps."""
    low, high = 100, 1100
    timesteps = stratified_timesteps(count, low, high)
    for size in range(1, count + 1):
        prefix = torch.cat([torch.tensor([low]), timesteps[:size].sort().values, torch.tensor([high])])
        assert int(prefix.diff().max()) <= 2 * (high - low) / size + 1
