"""The search for layouts on images that a known layout explains exactly."""
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

from dive_mmdet.engine.configured import load_config
from dive_mmdet.engine.run import run_test
from dive_mmdet.inversion import LayoutInverter

ANCHORS = dict(scales=[0.25, 0.4], ratios=[1.0, 0.5, 2.0])


def search(**changes):
    return LayoutInverter(**{**dict(anchors=ANCHORS, object_cost=0.001, rearrange=dict(rounds=4)), **changes})


def posterior_of(generator, truth, **options):
    return generator.posterior([generator.layout(*scene) for scene in truth], **options)


@pytest.mark.parametrize('order_free', [True, False])
def test_found_layout_is_the_true_one(order_free):
    """It is the global optimum by construction: it alone explains the image without an error."""
    generator = PaintingGenerator(order_free=order_free)
    truth = painted_scenes(generator, range(4))
    found = search().invert(posterior_of(generator, truth))
    assert [objects_of(generator, ids) for ids in found.ids] == [set(scene) for scene in truth]
    assert float(found.energy.max()) < 1e-6


@pytest.mark.parametrize('scene', [
    [(0, 1, 1, 6, 6), (2, 6, 6, 12, 12)], [(0, 2, 2, 7, 8), (2, 7, 4, 12, 10)], [(0, 1, 2, 8, 9), (2, 5, 6, 13, 13)],
    [(1, 2, 2, 12, 6), (1, 5, 1, 9, 12)], [(0, 0, 0, 6, 6), (1, 4, 4, 10, 10), (2, 9, 9, 15, 15)],
    [(0, 2, 2, 14, 14), (2, 5, 5, 9, 9)]])
def test_objects_that_touch_overlap_or_hold_one_another_are_told_apart(scene):
    """What boxes share is painted twice, so that no other boxes of these classes paint the same."""
    generator = PaintingGenerator()
    found = search().invert(posterior_of(generator, [scene]))
    assert objects_of(generator, found.ids[0]) == set(scene)


def test_an_empty_image_has_no_objects():
    generator = PaintingGenerator()
    found = search().invert(generator.posterior([generator.layout()]))
    assert torch.equal(found.ids[0], generator.vocabulary.empty())
    assert found.evidence.tolist() == [[0, 0, 0]] and not bool(found.class_evidence.any())


@pytest.mark.parametrize('classes, found_too', [(0, False), (1, False), (2, True)])
def test_few_classes_are_each_offered(classes, found_too):
    """An object of unknown class is painted bright, so a dark one does not look like any until it has its class."""
    generator, scene = PaintingGenerator(greys=(1.0, -0.5)), [(0, 1, 1, 6, 6), (1, 9, 8, 14, 13)]
    found = search(add=dict(candidates=400, keep=400, nms_iou=0.99, classes=classes)).invert(
        posterior_of(generator, [scene]))
    assert objects_of(generator, found.ids[0]) == set(scene if found_too else scene[:1])


@pytest.mark.parametrize('class_keep', [1, 3])
def test_evidence_is_what_brute_force_says(class_keep):
    """By ink, since a painting's energy is its mean squared error."""
    generator = PaintingGenerator()
    truth = painted_scenes(generator, [5])
    found = search(rescore=dict(class_pairs=1, class_keep=class_keep)).invert(posterior_of(generator, truth))
    require_evidence_of_ink(generator, found)


@pytest.mark.parametrize('batch_size', [1, 7, 512])
def test_an_image_is_found_alike_alone_and_in_a_batch(batch_size):
    """Energies depend on the noise here: without, many would be equal, and rounding would decide."""
    generator = PaintingGenerator(leak=0.3)
    layouts = [generator.layout(*scene) for scene in painted_scenes(generator, [6, 7])]
    together = search().invert(generator.posterior(layouts, batch_size=batch_size))
    inverter = search()
    for image, layout in enumerate(layouts):
        alone = inverter.invert(generator.posterior([layout]))
        assert torch.equal(alone.ids[0], together.ids[image]) and int(alone.nfe[0]) == int(together.nfe[image])
        torch.testing.assert_close(alone.evidence[0], together.evidence[image], rtol=0, atol=1e-6)


def test_the_trace_ends_at_the_answer_and_spends_more_and_more():
    generator = PaintingGenerator()
    truth = painted_scenes(generator, [9])
    found = search(pairs=4).invert(posterior_of(generator, truth))
    for image, course in enumerate(found.trace):
        spent = [nfe for nfe, _, _ in course]
        assert spent == sorted(spent) and 0 < spent[0] and spent[-1] <= found.nfe[image]
        assert course[0][2] == generator.vocabulary.empty().tolist()
        assert course[-1][2] == found.ids[image].tolist()
        energies = [energy for _, energy, _ in course]
        assert energies == sorted(energies, reverse=True) and energies[-1] < 1e-6


def test_the_trace_of_the_last_look_is_on_the_whole_bank():
    """Energies depend on the noise here; judged on two pairs first and on eight at last."""
    generator = PaintingGenerator(leak=0.3)
    posterior = posterior_of(generator, painted_scenes(generator, [9]), num_pairs=8)
    found = search(pairs=2).invert(posterior)
    for image, course in enumerate(found.trace):
        ids = torch.tensor(course[-1][2])[None]
        assert torch.equal(ids[0], found.ids[image])
        torch.testing.assert_close(course[-1][1], float(posterior.energy(torch.tensor([image]), ids)))
        assert course[-1][1] == float(found.energy[image])


@pytest.mark.parametrize('pairs', [2, 8])
def test_every_evaluation_is_counted_once(pairs):
    """Those of single images, and the dictionary, which all images share and the next search still has."""
    generator = PaintingGenerator()
    truth = painted_scenes(generator, [10])
    inverter = search(pairs=pairs)
    found = inverter.invert(posterior_of(generator, truth))
    assert generator.evaluations == int(found.nfe.sum()) + inverter.shared_nfe
    generator.evaluations, shared = 0, inverter.shared_nfe
    again = inverter.invert(posterior_of(generator, truth))
    assert generator.evaluations == int(again.nfe.sum()) and inverter.shared_nfe == shared
    assert torch.equal(again.ids, found.ids)


def test_a_search_knows_the_image_and_nothing_of_its_annotation():
    """Two layouts that paint the same image are found alike: a box, or the two halves it was painted with."""
    generator = PaintingGenerator()
    found = search().invert(posterior_of(generator, [[(1, 2, 4, 8, 9)], [(1, 2, 4, 5, 9), (1, 5, 4, 8, 9)]]))
    assert torch.equal(found.ids[0], found.ids[1]) and objects_of(generator, found.ids[0]) == {(1, 2, 4, 8, 9)}


def test_an_inverter_serves_generators_in_turn():
    """What it remembers of one generator is forgotten with another, or when weights are loaded."""
    inverter = search(anchors=dict(ANCHORS, scales=[0.15, 0.25, 0.4]))
    for size, greys in ((16, (0.75, 1.0, 1.25)), (16, (0.5, 0.75)), (32, (0.75, 1.0, 1.25))):
        generator = PaintingGenerator(size=size, greys=greys)
        truth = random_scene(generator, 2, 3)
        for _ in range(2):
            found = inverter.invert(posterior_of(generator, [truth]))
            assert objects_of(generator, found.ids[0]) == set(truth)
            with torch.no_grad():
                generator.table.weight[generator.vocabulary.class_ids, 2] *= -1


def test_rearranging_lowers_what_a_poor_search_pays_and_never_raises_it():
    """Anchors too large to find the truth."""
    generator = PaintingGenerator()
    truth = painted_scenes(generator, range(20, 24))
    poor = dict(anchors=dict(scales=[0.6], ratios=[1.0]), classes=dict(beam=0))
    plain, second = (search(rearrange=dict(rounds=rounds), **poor).invert(posterior_of(generator, truth))
                     for rounds in (0, 2))
    cost = [found.energy + 0.001 * generator.vocabulary.is_present(found.ids).sum(dim=1) for found in (plain, second)]
    assert float(plain.energy.max()) > 0.01
    assert bool((cost[1] <= cost[0] + 1e-7).all()) and bool((cost[1] < cost[0] - 0.01).any())


def test_many_objects_cost_hardly_more_than_few():
    """Twelve objects that do not touch, and three of them: all are asked together."""
    generator = PaintingGenerator(num_objects=14, size=32)
    places = [(x, y) for x in (1, 12, 23) for y in (1, 9, 17, 25)]
    truth = [(index % 3, x, y, x + 4 + index % 2, y + 5) for index, (x, y) in enumerate(places)]
    posterior = posterior_of(generator, [truth, truth[::4]])
    found = search(anchors=dict(scales=[0.15], ratios=[1.0], overlap=0.75), add=dict(candidates=40)).invert(posterior)
    assert [objects_of(generator, ids) for ids in found.ids] == [set(truth), set(truth[::4])]
    assert int(found.nfe[0]) < 2 * int(found.nfe[1])


def test_objects_must_be_worth_what_is_asked():
    generator = PaintingGenerator()
    small, large = (0, 1, 1, 5, 5), (2, 8, 8, 15, 15)  # 0.035 and 0.3 of mean squared error
    for cost, expected in ((0.001, {small, large}), (0.1, {large}), (0.5, set())):
        found = search(object_cost=cost).invert(posterior_of(generator, [[small, large]]))
        assert objects_of(generator, found.ids[0]) == expected


def test_a_prior_decides_between_what_explains_alike():
    """It charges each object, so that a small one is not worth its price."""

    class PricedPrior(TiltedPrior):
        def energy(self, rows):
            return (rows[:, ::3, 3] > 0).sum(dim=1).float()

    generator = PaintingGenerator()
    small, large = (0, 1, 1, 5, 5), (2, 8, 8, 15, 15)
    for weight, expected in ((0.001, {small, large}), (0.1, {large}), (0.5, set())):
        posterior = posterior_of(generator, [[small, large]], prior=PricedPrior((9, 4)), prior_weight=weight)
        assert objects_of(generator, search().invert(posterior).ids[0]) == expected


def test_boxes_keep_to_their_bounds():
    generator = PaintingGenerator()
    for low, high in ((2 / 16, 8 / 16), (4 / 16, 1.0)):
        inverter = search(anchors=dict(scales=[0.4], ratios=[1.0], min_side=low, max_side=high))
        ids = inverter.invert(posterior_of(generator, [[(1, 3, 3, 12, 7)]])).ids[0]
        boxes = generator.tokenizer.decode(ids).boxes
        extent = boxes[:, 2:] - boxes[:, :2]
        assert float(extent.min()) >= low - 1e-9 and float(extent.max()) <= high + 1e-9


@pytest.mark.parametrize('leak', [0.0, 0.3])
def test_no_image_costs_more_than_its_budget(leak):
    """Whatever the budget: what was asked says so, and the answer is judged as without one."""
    generator = PaintingGenerator(leak=leak)
    truth = painted_scenes(generator, [0])
    options = dict(pairs=2, rescore=dict(class_pairs=1, class_keep=1))
    free = search(**options).invert(posterior_of(generator, truth)).nfe
    found = 0
    for part in (0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0):
        inverter = search(max_nfe=int(part * int(free.max())), **options)
        generator.evaluations = 0
        posterior = posterior_of(generator, truth)
        capped = inverter.invert(posterior)
        assert bool((capped.nfe <= inverter.max_nfe).all())
        assert generator.evaluations == int(capped.nfe.sum()) + inverter.shared_nfe
        judge = posterior_of(generator, truth)
        torch.testing.assert_close(capped.energy, judge.energy(torch.arange(len(truth)), capped.ids))
        present = generator.vocabulary.is_present(capped.ids)
        assert bool(capped.class_evidence.isfinite().all()) and bool((capped.evidence[present] != 0).all())
        assert all(math.isfinite(energy) for course in capped.trace for _, energy, _ in course)
        found += int(present.sum())
    assert found > 0


def test_a_budget_is_each_images_own():
    """Energies depend on the noise here: without, many would be equal, and rounding would decide."""
    generator = PaintingGenerator(leak=0.3)
    truth = painted_scenes(generator, [0, 1])
    free = search().invert(posterior_of(generator, truth))
    inverter = search(max_nfe=int(free.nfe.max()) // 2)
    together = inverter.invert(posterior_of(generator, truth))
    alone = [inverter.invert(posterior_of(generator, [scene])) for scene in truth]
    assert torch.equal(together.ids, torch.cat([found.ids for found in alone]))
    assert torch.equal(together.nfe, torch.cat([found.nfe for found in alone]))


def test_a_budget_of_everything_changes_nothing():
    generator = PaintingGenerator(leak=0.3)
    truth = painted_scenes(generator, [0])
    free = search().invert(posterior_of(generator, truth))
    capped = search(max_nfe=100 * int(free.nfe.max())).invert(posterior_of(generator, truth))
    assert torch.equal(free.ids, capped.ids) and torch.equal(free.nfe, capped.nfe)


def test_a_budget_must_pay_for_the_empty_layout():
    generator = PaintingGenerator()
    posterior = generator.posterior([generator.layout()])
    with pytest.raises(ValueError, match='max_nfe=7 does not pay for the empty layout, which costs 8 evaluations'):
        search(max_nfe=7).invert(posterior)
    assert generator.evaluations == 0
    assert not bool(generator.vocabulary.is_present(search(max_nfe=8).invert(posterior).ids).any())


@pytest.mark.parametrize('changes, sentence', [
    (dict(add=dict(candidate=3)), '`model.inverter.add` has no setting `candidate`: it has area_exponent, candidates'),
    (dict(anchors=dict(ratios=[1.0])), '`model.inverter.anchors` lacks `scales`: it has '),
    (dict(add=dict(keep=0)), '`model.inverter.add.keep` is 0: give a whole number of 1 or more.'),
    (dict(rescore=dict(class_pairs=1.5)), '`model.inverter.rescore.class_pairs` is 1.5: give a whole number'),
    (dict(pairs=0), '`model.inverter.pairs` is 0: give a whole number of 1 or more.'),
    (dict(classes=dict(rungs=[8, 4])), '`model.inverter.classes.rungs` compares on more and more pairs, got'),
    (dict(boxes=dict(axes_rungs=[8, 2])), '`model.inverter.boxes.axes_rungs` compares on more and more pairs, got'),
    (dict(boxes=dict(axes=[0.0])), '`model.inverter.boxes.axes` is [0.0]: give parts of the side')])
def test_a_setting_that_is_none_is_refused(changes, sentence):
    with pytest.raises(ValueError) as error:
        search(**changes)
    assert sentence in str(error.value)


def test_a_detector_is_tested_with_it(tiny_detector, tmp_path):
    """By the run behind every tool; the evaluations that each image may cost are bounded."""
    inverter = dict(_delete_=True, type='dive_mmdet.LayoutInverter', anchors=dict(scales=[0.5], ratios=[1.0]),
                    max_nfe=300)
    config = load_config(str(tiny_detector / 'config.py'), {'model.inverter': inverter, 'model.objective.num_pairs': 4})
    run = run_test(config, str(tiny_detector / 'weights.pth'), tmp_path, show=lambda line: None)
    assert len(run.records) == 4 and run.settings['inverter']['type'] == 'dive_mmdet.LayoutInverter'
    assert all(0 < record.nfe <= 300 for record in run.records.values())
