"""The search by proposals on images that a known layout explains exactly."""
import itertools
import math

import pytest
import torch
from helpers.painting import (
    PaintingGenerator,
    TiltedPrior,
    objects_of,
    painted_scenes,
    random_scene,
    require_evidence_of_ink,
)

from dive_mmdet.inversion import ProposalInverter
from dive_mmdet.inversion.evidence import class_evidence
from dive_mmdet.inversion.slopes import single_steps

BOXES = dict(sides=[0.25, 0.4], aspects=[1.0, 0.5, 2.0])


@pytest.mark.parametrize('order_free', [True, False])
def test_found_layout_is_the_true_one(order_free):
    """It is the global optimum by construction: it alone explains the image without an error."""
    generator = PaintingGenerator(order_free=order_free)
    truth = painted_scenes(generator, range(4))
    posterior = generator.posterior([generator.layout(*scene) for scene in truth])
    found = ProposalInverter(**BOXES).invert(posterior)
    assert [objects_of(generator, ids) for ids in found.ids] == [set(scene) for scene in truth]
    assert float(found.energy.max()) < 1e-6


def test_an_empty_image_has_no_objects():
    generator = PaintingGenerator()
    found = ProposalInverter(**BOXES).invert(generator.posterior([generator.layout()]))
    assert torch.equal(found.ids[0], generator.vocabulary.empty())
    assert found.evidence.tolist() == [[0, 0, 0]] and not bool(found.class_evidence.any())


def test_what_it_reports_is_what_evidence_and_posterior_say():
    """Brute force on the found layouts: by ink, since a painting's energy is its mean squared error."""
    generator = PaintingGenerator()
    truth = painted_scenes(generator, [5])
    found = ProposalInverter(**BOXES).invert(generator.posterior([generator.layout(*scene) for scene in truth]))
    require_evidence_of_ink(generator, found)


# Evaluations are not compared: paintings give boxes of exactly equal rank, and rounding decides which is tried first.
@pytest.mark.parametrize('batch_size', [1, 7, 512])
def test_an_image_is_found_alike_alone_and_in_a_batch(batch_size):
    generator = PaintingGenerator()
    layouts = [generator.layout(*scene) for scene in painted_scenes(generator, [6, 7, 8])][:8]
    together = ProposalInverter(**BOXES).invert(generator.posterior(layouts, batch_size=batch_size))
    inverter = ProposalInverter(**BOXES)
    for image, layout in enumerate(layouts):
        alone = inverter.invert(generator.posterior([layout]))
        assert torch.equal(alone.ids[0], together.ids[image])
        torch.testing.assert_close(alone.evidence[0], together.evidence[image], rtol=0, atol=1e-6)


def test_a_search_knows_the_image_and_nothing_of_its_annotation():
    """Two layouts that paint the same image are found alike: a box, or the two halves it was painted with."""
    generator = PaintingGenerator()
    whole, halves = generator.layout((1, 2, 4, 8, 9)), generator.layout((1, 2, 4, 5, 9), (1, 5, 4, 8, 9))
    found = ProposalInverter(**BOXES).invert(generator.posterior([whole, halves]))
    assert torch.equal(found.ids[0], found.ids[1]) and objects_of(generator, found.ids[0]) == {(1, 2, 4, 8, 9)}


def test_the_trace_ends_at_the_answer_and_spends_more_and_more():
    generator = PaintingGenerator()
    truth = painted_scenes(generator, [9])
    posterior = generator.posterior([generator.layout(*scene) for scene in truth])
    found = ProposalInverter(**BOXES).invert(posterior)
    for image, course in enumerate(found.trace):
        spent = [nfe for nfe, _, _ in course]
        assert spent == sorted(spent) and 0 < spent[0] and spent[-1] <= found.nfe[image]
        assert course[0][2] == generator.vocabulary.empty().tolist()
        assert course[-1][2] == found.ids[image].tolist()
        energies = [energy for _, energy, _ in course]
        assert energies == sorted(energies, reverse=True) and energies[-1] < 1e-6


def test_every_evaluation_is_counted_once():
    """Those of single images, and the atlas of coarse boxes, which all images share and the next search still has."""
    generator = PaintingGenerator()
    layouts = [generator.layout(*scene) for scene in painted_scenes(generator, [10])]
    inverter = ProposalInverter(**BOXES)
    found = inverter.invert(generator.posterior(layouts))
    assert generator.evaluations == int(found.nfe.sum()) + inverter.shared_nfe
    generator.evaluations, shared = 0, inverter.shared_nfe
    again = inverter.invert(generator.posterior(layouts))
    assert generator.evaluations == int(again.nfe.sum()) and inverter.shared_nfe == shared > len(inverter.atlas.boxes)
    assert torch.equal(again.ids, found.ids)


def test_an_inverter_serves_generators_in_turn():
    """What it remembers of one generator is forgotten with another, or when weights are loaded."""
    inverter = ProposalInverter(**BOXES)
    for size, greys in ((16, (0.75, 1.0, 1.25)), (16, (0.5, 0.75)), (32, (0.75, 1.0, 1.25))):
        generator = PaintingGenerator(size=size, greys=greys)
        truth = random_scene(generator, 2, 3)
        for _ in range(2):
            found = inverter.invert(generator.posterior([generator.layout(*truth)]))
            assert objects_of(generator, found.ids[0]) == set(truth)
            with torch.no_grad():
                generator.table.weight[generator.vocabulary.class_ids, 2] *= -1


def test_objects_must_be_worth_what_is_asked():
    generator = PaintingGenerator()
    small, large = (0, 1, 1, 5, 5), (2, 8, 8, 15, 15)  # 0.035 and 0.3 of mean squared error
    posterior = generator.posterior([generator.layout(small, large)])
    for min_gain, expected in ((0.0, {small, large}), (0.1, {large}), (0.5, set())):
        for polish_rounds in (0, 2):
            found = ProposalInverter(min_gain=min_gain, polish_rounds=polish_rounds, **BOXES).invert(posterior)
            assert objects_of(generator, found.ids[0]) == expected


def test_polishing_moves_renames_and_removes():
    generator = PaintingGenerator()
    truth = {(0, 1, 1, 7, 6), (2, 9, 8, 15, 15)}
    posterior = generator.posterior([generator.layout(*truth)] * 2)
    inverter = ProposalInverter(**BOXES)
    inverter.invert(posterior)
    start = torch.stack([generator.layout((1, 2, 1, 7, 7), (0, 9, 1, 14, 5), (2, 9, 9, 15, 14)),
                         generator.layout((0, 1, 1, 7, 6), (2, 9, 8, 15, 15), (0, 2, 10, 6, 14))])
    assert [objects_of(generator, ids) for ids in inverter._polish(torch.arange(2), start)] == [truth, truth]


def test_a_prior_decides_between_what_explains_alike():
    """It charges each object, so that a small one is not worth its price."""

    class PricedPrior(TiltedPrior):
        def energy(self, rows):
            return (rows[:, ::3, 3] > 0).sum(dim=1).float()

    generator = PaintingGenerator()
    small, large = (0, 1, 1, 5, 5), (2, 8, 8, 15, 15)
    for weight, expected in ((0.001, {small, large}), (0.1, {large}), (0.5, set())):
        posterior = generator.posterior([generator.layout(small, large)], prior=PricedPrior((9, 4)),
                                        prior_weight=weight)
        assert objects_of(generator, ProposalInverter(**BOXES).invert(posterior).ids[0]) == expected


@pytest.mark.parametrize('options', [dict(revisit=0), dict(revisit=3), dict(refine=dict(
    type='dive_mmdet.GradientInverter', loops=3, pairs_per_step=4))])
def test_second_thoughts_leave_the_optimum_alone(options):
    generator = PaintingGenerator()
    truth = painted_scenes(generator, [11])
    posterior = generator.posterior([generator.layout(*scene) for scene in truth])
    found = ProposalInverter(**BOXES, **options).invert(posterior)
    assert [objects_of(generator, ids) for ids in found.ids] == [set(scene) for scene in truth]


def test_second_thoughts_never_raise_the_energy():
    """On a search too poor to find the truth."""
    generator = PaintingGenerator()
    layouts = [generator.layout(*scene) for scene in painted_scenes(generator, range(20, 24))]
    poor = dict(sides=[0.9], aspects=[1.0], finalists=1, hypotheses=1, max_moves=3)
    plain, second = (ProposalInverter(**poor, revisit=revisit).invert(generator.posterior(layouts))
                     for revisit in (0, 2))
    assert float(plain.energy.max()) > 0.01
    assert bool((second.energy <= plain.energy + 1e-7).all()) and bool((second.energy < plain.energy - 0.01).any())


def test_the_trace_ends_at_the_answer_of_second_thoughts_too():
    generator = PaintingGenerator()
    layouts = [generator.layout(*scene) for scene in painted_scenes(generator, range(20, 24))]
    poor = dict(sides=[0.9], aspects=[1.0], finalists=1, hypotheses=1, max_moves=3, revisit=2)
    found = ProposalInverter(**poor).invert(generator.posterior(layouts))
    assert [course[-1][2] for course in found.trace] == found.ids.tolist()


def test_second_thoughts_take_nothing_worse():
    """A search that does not find the truth keeps it when it has it."""
    generator = PaintingGenerator()
    truth = torch.stack([generator.layout(*scene) for scene in painted_scenes(generator, [13])])
    inverter = ProposalInverter(sides=[0.9], aspects=[1.0], finalists=1, hypotheses=1, max_moves=1, polish_rounds=1)
    found = inverter.invert(generator.posterior(list(truth)))
    assert not torch.equal(found.ids, truth)
    assert torch.equal(inverter._reconsider(torch.arange(3), truth.clone()), truth)


def test_two_boxes_on_one_object_are_merged():
    """They could paint it as well side by side, but each object must be worth something."""
    generator = PaintingGenerator()
    truth = generator.layout((1, 2, 3, 10, 12))
    posterior = generator.posterior([truth])
    inverter = ProposalInverter(sides=[0.2], aspects=[1.0], max_moves=1, min_gain=0.01)
    inverter.invert(posterior)
    halves = generator.layout((1, 2, 3, 6, 12), (1, 5, 3, 10, 12))
    assert objects_of(generator, inverter._reconsider(torch.arange(1), halves[None].clone())[0]) == {(1, 2, 3, 10, 12)}


def test_boxes_keep_to_their_bounds():
    generator = PaintingGenerator()
    posterior = generator.posterior([generator.layout((1, 3, 3, 12, 5))])
    for bounds in ((2 / 16, 8 / 16), (4 / 16, 1.0)):
        ids = ProposalInverter(sides=[0.4], aspects=[1.0], min_side=bounds[0], max_side=bounds[1]).invert(
            posterior).ids[0]
        boxes = generator.tokenizer.decode(ids).boxes
        extent = boxes[:, 2:] - boxes[:, :2]
        assert float(extent.min()) >= bounds[0] - 1e-9 and float(extent.max()) <= bounds[1] + 1e-9


def test_no_object_is_found_twice():
    generator = PaintingGenerator()
    truth = painted_scenes(generator, [12])
    found = ProposalInverter(**BOXES).invert(generator.posterior([generator.layout(*scene) for scene in truth]))
    for ids in found.ids:
        boxes = [box for _, *box in objects_of(generator, ids)]
        assert len(boxes) == int(generator.vocabulary.is_present(ids).sum())
        for a, b in itertools.combinations(boxes, 2):
            assert min(a[2], b[2]) <= max(a[0], b[0]) or min(a[3], b[3]) <= max(a[1], b[1])


def two_neighbours_of_unlike_size():
    """A small bright object of less ink than the large dark one beside it."""
    generator = PaintingGenerator(greys=(1.5, 2.0))
    return generator, generator.layout((1, 10, 10, 14, 14), (0, 1, 1, 9, 9))


@pytest.mark.parametrize('area_exponent, first', [(0.0, (0, 1, 1, 9, 9)), (1.0, (1, 10, 10, 14, 14))])
def test_the_next_object_gains_most_for_its_area(area_exponent, first):
    """Gains are grey^2 x area: 2.25 x 64 against 4 x 16; for their area 2.25 against 4."""
    generator, truth = two_neighbours_of_unlike_size()
    found = ProposalInverter(**dict(BOXES, finalists=12, area_exponent=area_exponent)).invert(
        generator.posterior([truth]))
    layouts = [objects_of(generator, torch.tensor(ids)) for _, _, ids in found.trace[0]]
    assert next(layout for layout in layouts if layout) == {first}
    assert layouts[-1] == objects_of(generator, truth)


@pytest.mark.parametrize('candidates', [1, 2, 4])
def test_the_best_candidates_are_refined_whatever_their_rank(candidates, monkeypatch):
    """The atlas ranks them from the worst to the best; which of those it is asked for are good, energies say."""
    generator = PaintingGenerator()
    truth = (1, 4, 4, 10, 10)
    boxes = torch.tensor([[4, 4, 6, 6], [4, 4, 8, 7], [5, 5, 9, 9], [5, 4, 10, 10]])
    monkeypatch.setattr('dive_mmdet.inversion.proposal.coarse_boxes', lambda *arguments: boxes)
    monkeypatch.setattr('dive_mmdet.inversion.atlas.Atlas.best',
                        lambda atlas, posterior, images, ids, count, distinct: torch.arange(count)[None])
    found = ProposalInverter(**BOXES, candidates=candidates, finalists=1, max_moves=0, polish_rounds=0,
                             revisit=0).invert(generator.posterior([generator.layout(truth)]))
    first = next(ids for _, _, ids in found.trace[0][1:])
    assert objects_of(generator, torch.tensor(first)) == {(1, *boxes[candidates - 1].tolist())}


@pytest.mark.parametrize('objects_per_round', [2, 3])
def test_several_objects_a_round_find_the_same_for_less(objects_per_round):
    """Twelve objects that do not touch; the layout with all of them alone explains the image."""
    generator = PaintingGenerator(num_objects=14, size=32)
    places = [(x, y) for x in (1, 12, 23) for y in (1, 9, 17, 25)]
    truth = [(index % 3, x, y, x + 4 + index % 2, y + 5) for index, (x, y) in enumerate(places)]
    spent = []
    for per_round in (1, objects_per_round):
        posterior = generator.posterior([generator.layout(*truth), generator.layout(*truth[:1]), generator.layout()])
        found = ProposalInverter(sides=[0.15], aspects=[1.0], finalists=4, revisit=0, objects_per_round=per_round,
                                 min_gain=0.001).invert(posterior)
        assert [objects_of(generator, ids) for ids in found.ids] == [set(truth), {truth[0]}, set()]
        spent.append(int(found.nfe[0]))
    assert spent[1] < spent[0]


@pytest.mark.parametrize('guided', [True, False])
def test_the_last_word_has_the_larger_bank(guided):
    """Energies depend on the noise, so the minima of two banks differ; here by brute force on the larger."""
    generator = PaintingGenerator(leak=0.7)
    layouts = [generator.layout(*scene) for scene in painted_scenes(generator, [14, 15])]
    options = dict(BOXES, guided=guided, max_moves=40, polish_pairs=64, hypothesis_pairs=64, min_gain=0.0001)
    plain, final = (ProposalInverter(**options, final_pairs=pairs).invert(generator.posterior(layouts, num_pairs=2))
                    for pairs in (0, 64))
    wide, images = generator.posterior(layouts, num_pairs=64), torch.arange(len(layouts))
    least = wide.energy(images, final.ids)
    torch.testing.assert_close(final.energy, least)
    assert bool((least <= wide.energy(images, plain.ids)).all()) and not torch.equal(plain.ids, final.ids)
    assert [course[-1][2] for course in final.trace] == final.ids.tolist()
    for image, ids in enumerate(final.ids):
        present = generator.vocabulary.is_present(ids)
        steps, new = single_steps(generator.vocabulary, ids[None], present[None], (1, 16))
        where = torch.full((int(new.sum()),), image)
        assert len(where) and bool((wide.energy(where, steps[0][new[0]]) >= least[image]).all())
        assert bool((final.class_evidence[image].amax(dim=1) <= final.evidence[image]).all())
        assert bool((final.evidence[image][present] > 0.0001).all())


def test_the_larger_bank_renames_and_removes():
    generator = PaintingGenerator()
    truth = {(0, 1, 1, 7, 6), (2, 9, 8, 15, 15)}
    inverter = ProposalInverter(**BOXES)
    inverter.invert(generator.posterior([generator.layout(*truth)] * 2))
    start = torch.stack([generator.layout((1, 2, 1, 7, 7), (0, 9, 9, 15, 14)),
                         generator.layout((0, 1, 1, 7, 6), (2, 9, 8, 15, 15), (0, 2, 10, 6, 14))])
    found = inverter._finish(inverter._local_search(inverter.posterior.on_bank(8)), torch.arange(2), start)
    assert [objects_of(generator, ids) for ids in found] == [truth, truth]


def test_evaluations_on_the_larger_bank_are_counted():
    generator = PaintingGenerator()
    layouts = [generator.layout(*scene) for scene in painted_scenes(generator, [16])][:2] + [generator.layout()]
    inverter = ProposalInverter(**BOXES, final_pairs=32)
    found = inverter.invert(generator.posterior(layouts))
    assert generator.evaluations == int(found.nfe.sum()) + inverter.shared_nfe


@pytest.mark.parametrize('final_pairs', [0, 8])
@pytest.mark.parametrize('changes', [dict(), dict(guided=False), dict(objects_per_round=3), dict(leak=0.3)])
def test_no_image_costs_more_than_its_budget(changes, final_pairs):
    """Whatever the budget: what was asked says so, and the answer is judged as without one."""
    changes = dict(changes)
    generator = PaintingGenerator(leak=changes.pop('leak', 0.0))
    layouts = [generator.layout(*scene) for scene in painted_scenes(generator, [0])]
    inverter = ProposalInverter(**BOXES, final_pairs=final_pairs, **changes)
    free = inverter.invert(generator.posterior(layouts)).nfe
    found = 0
    for part in (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0):
        inverter = ProposalInverter(**BOXES, final_pairs=final_pairs, max_nfe=int(part * int(free.max())), **changes)
        generator.evaluations = 0
        capped = inverter.invert(generator.posterior(layouts))
        assert bool((capped.nfe <= inverter.max_nfe).all())
        assert generator.evaluations == int(capped.nfe.sum()) + inverter.shared_nfe
        judge = generator.posterior(layouts, final_pairs or 4)
        torch.testing.assert_close(capped.energy, judge.energy(torch.arange(len(layouts)), capped.ids))
        torch.testing.assert_close(capped.class_evidence, class_evidence(judge, capped.ids))
        assert all(math.isfinite(energy) for course in capped.trace for _, energy, _ in course)
        found += int(generator.vocabulary.is_present(capped.ids).sum())
    assert found > 0


def test_a_budget_is_each_images_own():
    """Energies depend on the noise here: without, many would be equal, and rounding would decide."""
    generator = PaintingGenerator(leak=0.3)
    layouts = [generator.layout(*scene) for scene in painted_scenes(generator, [0, 1])]
    inverter = ProposalInverter(**BOXES, max_nfe=600)
    together = inverter.invert(generator.posterior(layouts))
    alone = [inverter.invert(generator.posterior([layout])) for layout in layouts]
    assert torch.equal(together.ids, torch.cat([found.ids for found in alone]))
    assert torch.equal(together.nfe, torch.cat([found.nfe for found in alone]))
    free = ProposalInverter(**BOXES).invert(generator.posterior(layouts))
    assert bool((free.nfe > 600).any())


def test_a_budget_of_everything_changes_nothing():
    generator = PaintingGenerator()
    layouts = [generator.layout(*scene) for scene in painted_scenes(generator, [0])]
    free = ProposalInverter(**BOXES).invert(generator.posterior(layouts))
    capped = ProposalInverter(**BOXES, max_nfe=100 * int(free.nfe.max())).invert(generator.posterior(layouts))
    assert torch.equal(free.ids, capped.ids) and torch.equal(free.nfe, capped.nfe)


def test_refinement_has_a_budget_of_its_own():
    generator = PaintingGenerator()
    layouts = [generator.layout(*scene) for scene in painted_scenes(generator, [0])]
    refine = dict(type='dive_mmdet.GradientInverter', loops=2, pairs_per_step=2)
    found = ProposalInverter(**BOXES, max_nfe=600, refine=refine, final_pairs=8).invert(generator.posterior(layouts))
    assert bool((found.nfe > 2 * 3 * 4).all()) and bool((found.nfe <= 600 + 2 * 4 * 4 + 4).all())


def test_a_budget_must_pay_for_the_empty_layout():
    generator = PaintingGenerator()
    posterior = generator.posterior([generator.layout()])
    with pytest.raises(ValueError, match='max_nfe=7 does not pay for the empty layout, which costs 8 evaluations'):
        ProposalInverter(**BOXES, max_nfe=7).invert(posterior)
    assert generator.evaluations == 0
    assert not bool(generator.vocabulary.is_present(ProposalInverter(**BOXES, max_nfe=8).invert(posterior).ids).any())
