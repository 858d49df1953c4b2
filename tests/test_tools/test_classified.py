"""How classifiers are run, scored and compared: against counting by hand and against a model asked directly."""
import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dive_mmdet.analysis.classification import accuracy_after, paired_difference
from dive_mmdet.diffusion import ClassGenerator
from dive_mmdet.engine.records.record import Record
from dive_mmdet.engine.scores import accuracies, costs

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [str(ROOT / 'tools'), str(ROOT / 'tools/analysis_tools')]


def record(truth, best, trace=(), nfe=10.0):
    scores = [0.0] * 1000
    for rank, label in enumerate(best):
        scores[label] = 0.5 / 2 ** rank
    metas = dict(shared_nfe=7, **(dict(inversion=dict(trace=list(trace))) if trace else {}))
    return Record(0, dict(fields=dict(pred_score=dict(tensor=scores), pred_label=dict(tensor=[best[0]])), metas=metas),
                  2.0, nfe, truth)


RECORDS = [record(3, [3, 1, 2, 4, 0]), record(3, [1, 2, 4, 0, 3], nfe=30.0), record(8, [1, 2, 4, 0, 3]),
           record(900, [900, 2, 4, 0, 3])]


def test_accuracies_are_counted_and_costs_averaged():
    assert accuracies(RECORDS) == dict(accuracy_top1=50.0, accuracy_top5=75.0)
    assert accuracies(RECORDS, failed=1) == dict(accuracy_top1=40.0, accuracy_top5=60.0)
    assert costs(RECORDS) == dict(nfe_per_image=15.0, seconds_per_image=2.0, shared_nfe=7, images=4)


def test_a_paired_difference_and_its_interval():
    others = [record(item.truth, [1, 0, 2, 4, 5]) for item in RECORDS]
    found = paired_difference(RECORDS, others)  # right, wrong, wrong, right against never right
    half = 1.96 * 100 * (1 / 3) ** 0.5 / 2
    assert found == pytest.approx(dict(difference=50.0, low=50 - half, high=50 + half))
    assert paired_difference(RECORDS, RECORDS) == dict(difference=0.0, low=0.0, high=0.0)


def test_accuracy_after_so_many_evaluations_follows_the_trace():
    records = [record(3, [3, 0], [(5, 0.2, [1]), (9, 0.1, [3])]), record(4, [4, 0], [(7, 0.2, [4])])]
    assert accuracy_after(records, np.array([0, 5, 7, 8, 9, 99])).tolist() == [0, 0, 50, 50, 100, 100]
    assert accuracy_after(RECORDS, np.zeros(1)).tolist() == [50]
    prompts = [record(1, [1, 0], [(5, 0.2, [1]), (9, 0.1, [5])])]  # conditions 3, 4 and 5 mean class 1
    assert accuracy_after(prompts, np.array([5, 9]), per_class=3).tolist() == [0, 100]
    assert accuracy_after(RECORDS, np.zeros(1), per_class=3).tolist() == [50]


def test_a_report_compares_all_methods_on_the_images_that_they_share():
    from classify import METHODS, report_of
    records = {method: RECORDS[:2] if method == 'diffusion_classifier_exhaustive' else RECORDS for method in METHODS}
    report = report_of(records)
    assert report['dive']['images'] == 4 and {part['images'] for part in report['same_images'].values()} == {2}
    same = report['same_images']
    assert same['dive']['accuracy_top1'] == 50 and same['resnet']['as_exhaustive'] == 100
    assert set(report['difference_of_dive_and']) == set(METHODS) - {'dive'}
    assert json.loads(json.dumps(report)) == report


def test_fewer_classes_are_among_more_and_settings_are_cut_to_them():
    from nfe_by_classes import chosen_classes, fit
    few, many = chosen_classes(10, 1000), chosen_classes(100, 1000)
    assert set(few) < set(many) and few == sorted(few) and chosen_classes(1000, 1000) == list(range(1000))
    inverter = dict(type='x', candidates=24, race=dict(pairs=[1, 4, 9], keep=[20, 10, 2], decided=3))
    fit(inverter, 30)
    assert inverter == dict(type='x', candidates=24, race=dict(pairs=[1, 4, 9], keep=[20, 10, 2], decided=3))
    fit(inverter, 10)
    assert inverter == dict(type='x', candidates=10, race=dict(pairs=[1, 4, 9], keep=[10, 10, 2], decided=3))
    stages = dict(race=dict(pairs=[1, 4, 9], keep=[50, 10, 2]))
    fit(stages, 10)
    assert stages == dict(race=dict(pairs=[1, 4, 9], keep=[10, 10, 2]))


@pytest.mark.parametrize('energies, compared, cause', [
    ((1.0, 2.0), 3.0, 'generator'), ((1.0, 1.0), math.inf, 'generator'), ((2.0, 1.0), math.inf, 'shortlist'),
    ((2.0, 1.0), None, 'shortlist'), ((2.0, 1.0), 3.0, 'race')])
def test_why_an_answer_is_wrong(energies, compared, cause):
    from lost_classes import cause_of
    wrong = record(3, [1, 3])
    wrong.found['metas']['inversion'] = dict(class_energy=[None, 0.5, None, compared])
    assert cause_of(wrong, energies) == cause


def generator():
    torch.manual_seed(0)
    return ClassGenerator(20, 16, first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=1),
                          schedule=dict(type='dive_mmdet.NoiseSchedule'),
                          denoiser=dict(type='dive_mmdet.DiT', sample_size=8, channels=1, patch_size=4, width=16,
                                        num_layers=1, num_heads=2))


def test_a_restricted_generator_knows_the_same_rows():
    from nfe_by_classes import restrict
    whole, model = generator(), SimpleNamespace(backbone=generator())
    restrict(model, [2, 7, 19])
    few = model.backbone
    assert few.vocabulary.num_classes == 3
    assert torch.equal(few.embed(torch.tensor([0, 1, 2, 3])), whole.embed(torch.tensor([2, 7, 19, 20])))
    assert torch.equal(few.embed(torch.tensor([few.vocabulary.any_class]))[0],
                       whole.table.weight[[2, 7, 19]].mean(dim=0))


def test_replayed_stages_are_those_of_the_adaptive_enumeration():
    from tune_stages import replay

    from dive_mmdet.inversion import AdaptiveEnumeration, Likelihood, Posterior
    from dive_mmdet.inversion.class_race import Race
    whole = generator()
    for parameter in whole.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    latents = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    likelihood = Likelihood(whole, num_pairs=6)
    errors = likelihood.errors(latents.repeat_interleave(20, 0),
                               whole.embed(torch.arange(20)[:, None]).repeat(4, 1, 1)).view(4, 20, 6)
    for race in (dict(pairs=(1, 4), keep=(8, 2)), dict(pairs=(2,), keep=(5,)), dict(pairs=(1, 2, 5), keep=(9, 4, 1)),
                 dict(pairs=(2, 4), keep=(15, 10), decided=0.5)):
        answers, nfe = replay(errors, Race(**race))
        found = AdaptiveEnumeration(race).invert(Posterior(likelihood, latents))
        assert torch.equal(answers, found.ids[:, 0]) and torch.equal(nfe, found.nfe)


def test_the_cheapest_stages_within_the_slack_are_chosen():
    """One pair alone finds three of four images."""
    from tune_stages import choose, losses
    errors = torch.full((4, 12, 6), 2.0)
    truth = torch.tensor([0, 1, 2, 3])
    errors[torch.arange(4), truth] = 1.0
    errors[3, 4:, 0] = 0.5  # eight classes are better on the first pair alone
    best = choose(errors, truth, slack=0.5)[0]
    assert (best['pairs'], best['keep'], best['nfe']) == ([1, 2], [10, 1], 12 + 10)  # the true one is ninth
    worse = choose(errors, truth, slack=25.0)[0]
    assert worse['pairs'] == [1] and worse['nfe'] == worse['most_nfe'] == 12 and worse['accuracy_top1'] == 75
    assert losses(errors, truth) == dict(images=4, exhaustive_top1=100.0, half_bank_differs=0.0)


def test_a_class_of_several_conditions_is_its_best_one():
    """Three prompts a class; the halves of the bank prefer different prompts of the true one."""
    from tune_stages import choose, losses
    errors = torch.full((2, 12, 4), 2.0)
    truth = torch.tensor([1, 3])
    for image, label in enumerate(truth):
        errors[image, 3 * label + 1, 0::2] = 1.0
        errors[image, 3 * label + 2, 1::2] = 1.1
    assert losses(errors, truth, per_class=3) == dict(images=2, exhaustive_top1=100.0, half_bank_differs=0.0)
    assert losses(errors, truth, per_class=1)['half_bank_differs'] == 50
    assert choose(errors, truth, 0.0, per_class=3)[0]['accuracy_top1'] == 100


def test_other_objectives_are_read_from_the_same_errors():
    """Truths that only one objective finds, from a bank that measures otherwise."""
    from tune_stages import by_objective

    from dive_mmdet.inversion import Likelihood
    measured, wanted = (Likelihood(generator(), num_pairs=8, space=space) for space in ('v_prediction', 'sample'))
    t = measured.bank.timesteps
    errors = torch.rand(200, 20, 8, generator=torch.Generator().manual_seed(0))  # of epsilon
    for low, high in ((0, 1000), (200, 700)):
        inside = (t >= low) & (t < high)
        truth = (errors * wanted.weight)[:, :, inside].mean(dim=2).argmin(dim=1)
        reached = by_objective(errors * measured.weight, truth, measured)
        assert reached[f'sample [{low}, {high})'] == 100 and reached[f'epsilon [{low}, {high})'] < 60
