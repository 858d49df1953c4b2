"""Successive halving against means and sorts by hand."""
import math
import statistics

import pytest
import torch

from dive_mmdet.inversion.halving import Rungs, halving

TABLE = torch.randn(30, 8, generator=torch.Generator().manual_seed(0))
GROUPS = torch.tensor([2, 0, 1] * 10)


def ask(index, pairs):
    return TABLE[index][:, pairs]


@pytest.mark.parametrize('rungs', [(8,), (1, 3, 8)])
def test_where_all_are_kept_the_best_is_that_of_brute_force(rungs):
    *_, last = halving(ask, GROUPS, Rungs(rungs, [10, 10][:len(rungs) - 1]))
    assert last.index.tolist() == list(range(30))
    assert torch.equal(last.value, TABLE.mean(dim=1))


@pytest.mark.parametrize('keep', [(3, 3), (7, 2)])
def test_rungs_keep_the_best_of_every_group_as_by_hand(keep):
    seen = list(halving(ask, GROUPS, Rungs((1, 3, 8), keep)))
    alive = {group: (GROUPS == group).nonzero()[:, 0].tolist() for group in range(3)}
    for standing, rung, kept in zip(seen, (1, 3, 8), [*keep, None]):
        assert standing.index.tolist() == sorted(sum(alive.values(), []))
        assert torch.equal(standing.by_pair, TABLE[standing.index, :rung])
        for group, mine in alive.items():
            mine.sort(key=lambda candidate: -float(TABLE[candidate, :rung].double().mean()))
            alive[group] = mine[:kept]


def test_no_candidate_is_asked_twice_on_a_pair():
    asked = torch.zeros(30, 8, dtype=torch.long)

    def count(index, pairs):
        asked[index[:, None], pairs] += 1
        return ask(index, pairs)
    *_, last = halving(count, GROUPS, Rungs((1, 3, 8), (7, 2)))
    assert asked.unique().tolist() == [0, 1] and int(asked.sum()) == 3 * (10 * 1 + 7 * 2 + 2 * 5)
    assert bool((asked[last.index] == 1).all())


def test_only_those_above_the_threshold_go_on():
    first, last = halving(ask, GROUPS, Rungs((3, 8), [10], least=0.2))
    assert last.index.tolist() == first.index[first.value > 0.2].tolist()
    assert 0 < len(last.index) < 30
    *_, none = halving(ask, GROUPS, Rungs((3, 8), [10], least=9.0))
    assert none.index.tolist() == [] and none.value.shape == (0,)


def test_a_group_that_cannot_be_asked_ends_where_it_stands():
    def poor(index, pairs):
        return ask(index, pairs).masked_fill((GROUPS[index] == 1)[:, None] & bool(pairs[0] >= 3), math.nan)
    whole = list(halving(ask, GROUPS, Rungs((1, 3, 8), (7, 2))))
    *_, last = halving(poor, GROUPS, Rungs((1, 3, 8), (7, 2)))
    ended = GROUPS[last.index] == 1
    assert torch.equal(last.index, whole[-1].index) and torch.equal(last.going, ~ended)
    torch.testing.assert_close(last.value[ended], TABLE[last.index[ended], :3].mean(dim=1))
    assert torch.equal(last.value[~ended], whole[-1].value[~ended])


def behind_by_hand(values, others, decided):
    """Whether others lie decidedly behind, both lists of values by pair."""
    differences = [a - b for a, b in zip(values, others)]
    return statistics.mean(differences) > decided * statistics.stdev(differences) / len(differences) ** 0.5


@pytest.mark.parametrize('decided', [0.5, 1.0, 2.0])
def test_who_is_decidedly_behind_drops_out_as_by_hand(decided):
    rungs = Rungs((1, 4, 6, 8), (10, 10, 10), decided=decided)
    seen = list(halving(ask, GROUPS, rungs))
    alive = {group: (GROUPS == group).nonzero()[:, 0].tolist() for group in range(3)}
    assert seen[1].index.tolist() == list(range(30))  # one pair decides nothing
    for before, after in ((4, 6), (6, 8)):
        for group, mine in alive.items():
            if len(mine) > 1:
                table = {candidate: TABLE[candidate, :before].double().tolist() for candidate in mine}
                best = max(mine, key=lambda candidate: sum(table[candidate]))
                alive[group] = [c for c in mine if not behind_by_hand(table[best], table[c], decided)]
        standing = seen[(1, 4, 6, 8).index(after)]
        assert standing.index.tolist() == sorted(sum(alive.values(), []))
        for candidate, going in zip(standing.index.tolist(), standing.going.tolist()):
            assert going == (len(alive[int(GROUPS[candidate])]) > 1)
    assert decided < 2 or len(seen[-1].index) > 3


def test_where_differences_are_decided_the_race_finds_the_best_and_asks_less():
    """Candidates differ by a number each, and by little noise."""
    noise = torch.randn(30, 8, generator=torch.Generator().manual_seed(1))
    table = torch.randperm(30, generator=torch.Generator().manual_seed(2)).float()[:, None] + 0.01 * noise
    asked = []

    def count(index, pairs):
        asked.append(len(index) * len(pairs))
        return table[index][:, pairs]
    *_, last = halving(count, GROUPS, Rungs((4, 5, 8), (10, 10), decided=3.0))
    best = [max((GROUPS == group).nonzero()[:, 0].tolist(), key=lambda c: float(table[c].mean())) for group in range(3)]
    assert last.index.tolist() == sorted(best) and sum(asked) == 30 * 4
    assert not bool(last.going.any()) and last.pairs.tolist() == [4, 4, 4]


def test_equal_candidates_are_never_decided():
    *_, last = halving(lambda index, pairs: TABLE[0, pairs].expand(len(index), -1), GROUPS,
                       Rungs((4, 8), (10,), decided=0.1))
    assert len(last.index) == 30 and bool(last.going.all())
