"""Percentages and ratios that a person can check, through mmengine's own evaluator."""
import pytest
from mmdet.structures import DetDataSample
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope

import dive_mmdet  # noqa: F401

ENERGIES = [dict(true=1.0, empty=2.0, shuffled=3.0), dict(true=2.0, empty=1.0, shuffled=5.0),
            dict(true=3.0, empty=3.0, shuffled=7.0), dict(true=2.0, empty=6.0)]


def evaluate(batches, **arguments):
    """What the Runner does after each batch, and at the end."""
    with DefaultScope.overwrite_default_scope('mmdet'):
        evaluator = Evaluator(dict(type='dive_mmdet.ConditioningMetric', **arguments))
    for batch in batches:
        evaluator.process([DetDataSample(metainfo=dict(energies=energies)) for energies in batch], None)
    return evaluator.evaluate(sum(len(batch) for batch in batches))


def test_percentages_and_ratios_counted_by_hand():
    """Empty is beaten in 2 of 4, a draw is not; shuffled was asked of three images and beaten in all."""
    assert evaluate([ENERGIES]) == {
        'conditioning/energy_true': 2.0, 'conditioning/win_rate_empty': 50.0, 'conditioning/ratio_empty': 12 / 8,
        'conditioning/win_rate_shuffled': 100.0, 'conditioning/noticed': 100.0}


def test_gaps_are_shares_of_what_empty_layouts_cost():
    """Shuffled layouts lie 9 above the true ones where empty ones lie 0; resized ones 1 where those lie 5."""
    energies = [dict(true=1.0, empty=3.0, shrunk=1.5), dict(true=2.0, empty=5.0, shrunk=2.5), dict(true=2.0, empty=9.0)]
    found = evaluate([energies])
    assert found['conditioning/gap_shrunk'] == pytest.approx(20.0) and 'conditioning/ratio_shrunk' not in found
    assert found['conditioning/ratio_empty'] == 17 / 5
    assert not any('gap' in name for name in evaluate([ENERGIES]))


def test_noticed_is_the_mean_of_what_is_wrong_in_part():
    energies = [dict(true=1.0, empty=0.0, shrunk=2.0, grown=0.5), dict(true=1.0, empty=0.0, shrunk=2.0, grown=1.5)]
    assert evaluate([energies])['conditioning/noticed'] == 75.0


def test_the_batches_do_not_matter():
    assert evaluate([ENERGIES[:1], ENERGIES[1:]]) == evaluate([ENERGIES])


def test_a_second_evaluation_starts_anew():
    with DefaultScope.overwrite_default_scope('mmdet'):
        evaluator = Evaluator(dict(type='dive_mmdet.ConditioningMetric'))
    for energies, expected in ((ENERGIES[0], 100.0), (ENERGIES[1], 0.0)):
        evaluator.process([DetDataSample(metainfo=dict(energies=energies))], None)
        assert evaluator.evaluate(1)['conditioning/win_rate_empty'] == expected


def test_the_prefix_can_be_chosen():
    assert set(evaluate([[dict(true=1.0, random=2.0)]], prefix='prior')) == {
        'prior/energy_true', 'prior/win_rate_random', 'prior/ratio_random', 'prior/noticed'}
