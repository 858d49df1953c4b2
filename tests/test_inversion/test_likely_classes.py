"""A shortlist in front of the questions about classes: its order by hand, its answers by brute force, its costs."""
import pytest
import torch
from helpers.painting import PaintingGenerator, objects_of, painted_scenes, random_scene

from dive_mmdet.inversion import LayoutInverter
from dive_mmdet.inversion.class_pictures import contents
from dive_mmdet.inversion.meter import Meter
from dive_mmdet.inversion.moves import steps_to_corners
from dive_mmdet.inversion.search.judge import below_the_asked, class_evidence, judging_nfe
from dive_mmdet.inversion.search.likely import LikelyClasses, by_turns
from dive_mmdet.inversion.search.objects import present
from dive_mmdet.inversion.search.settings import Rescore, Shortlist
from dive_mmdet.inversion.search.state import SearchState

ANCHORS = dict(scales=[0.25, 0.4], ratios=[1.0, 0.5, 2.0])
GREYS = tuple(0.5 + 0.0625 * index for index in range(17))


def search(size=4, shortlist=(), **changes):
    classes = dict(shortlist=dict(dict(size=size), **dict(shortlist)))
    return LayoutInverter(**{**dict(anchors=ANCHORS, object_cost=0.001, classes=classes), **changes})


def state_of(posterior, ids, pairs=4):
    return SearchState(posterior, Meter(posterior, float('inf'), torch.zeros_like), torch.arange(len(ids)), ids,
                       object_cost=0.0, pairs=pairs)


@pytest.mark.parametrize('expected', [0.0, 0.5, 3.0])
def test_classes_are_ordered_by_gradient_and_by_what_boxes_hold(expected):
    """Two greys x in boxes of area a, both asked at the mean grey v: -2 a (x - v) grey + expected a (x - grey)^2."""
    generator = PaintingGenerator(greys=GREYS)
    layout = generator.layout((14, 1, 2, 6, 8), (3, 9, 8, 15, 12))
    wrong = generator.layout((5, 1, 2, 6, 8), (9, 9, 8, 15, 12))
    posterior = generator.posterior([layout])
    likely = LikelyClasses(Shortlist(size=3, expected=expected))
    assert likely.prepare(posterior) == (len(GREYS) if expected else 0) and likely.prepare(posterior) == 0
    state, greys = state_of(posterior, wrong[None]), torch.tensor(GREYS)
    before = int(posterior.nfe)
    ranked = likely.ranked(state, *present(state, torch.tensor([0])))
    assert int(posterior.nfe) - before == 3 * 2 == likely.most_nfe(generator.vocabulary)
    for slot, (true, held) in enumerate(((14, 5), (3, 9))):
        cost = -2 * (GREYS[true] - greys.mean()) * greys + expected * (GREYS[true] - greys).square()
        assert sorted(ranked[slot].tolist()) == list(range(len(GREYS))) and int(ranked[slot, -1]) == held
        assert bool((cost[ranked[slot, :-1]].diff() > -1e-5).all())


def test_ids_of_one_label_take_turns_with_others():
    """Ids 0 to 5 mean labels 0, 0, 0, 1, 1, 2; the first object has id 3, the other one is of unknown class."""
    labels, cost = torch.tensor([0, 0, 0, 1, 1, 2]), torch.tensor([[3.0, 1.0, 2.0, 4.0, 6.0, 5.0]] * 2)
    own = torch.tensor([[False, False, False, True, False, False], [False] * 6])
    assert by_turns(cost, labels, own).tolist() == [[4, 1, 5, 2, 0, 3], [1, 3, 5, 2, 4, 0]]


@pytest.mark.parametrize('shortlist', [dict(), dict(size=12, expected=0.0)])
def test_found_layout_is_the_true_one(shortlist):
    """It alone explains its image without an error; few of the 17 classes are asked."""
    generator = PaintingGenerator(greys=GREYS)
    truth = painted_scenes(generator, range(2))
    inverter = search(shortlist=shortlist, rearrange=dict(rounds=4))
    posterior = generator.posterior([generator.layout(*scene) for scene in truth])
    found = inverter.invert(posterior)
    assert [objects_of(generator, ids) for ids in found.ids] == [set(scene) for scene in truth]
    assert generator.evaluations == int(found.nfe.sum()) + inverter.shared_nfe
    all_asked = search(size=16, rearrange=dict(rounds=4)).invert(
        generator.posterior([generator.layout(*scene) for scene in truth]))
    assert int(found.nfe.sum()) < int(all_asked.nfe.sum())


def test_found_layout_is_the_best_of_all_layouts_of_one_object():
    """Images that no layout paints; every box of 2 to 8 pixels a side with every class is evaluated."""
    generator = PaintingGenerator(num_objects=1, size=8, greys=GREYS)
    layouts = torch.stack([generator.layout((2, 1, 2, 5, 7)), generator.layout((16, 3, 3, 8, 7))])
    rng = torch.Generator().manual_seed(0)
    painted = generator.paint(generator.embed(layouts))
    latents = painted + 0.3 * torch.randn(painted.shape, generator=rng)
    spans = torch.tensor([(low, high) for low in range(9) for high in range(low + 2, 9)])
    x, y = spans.repeat_interleave(len(spans), dim=0), spans.repeat(len(spans), 1)
    corners = steps_to_corners(torch.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], dim=1), generator.vocabulary.grid)
    every = torch.cat([torch.cat([torch.full_like(corners[:, :1], label), corners], dim=1)
                       for label in generator.vocabulary.class_ids.tolist()])
    errors = (latents[:, None] - generator.paint(generator.embed(every))).square().flatten(2).mean(dim=2)
    posterior = generator.posterior(list(layouts), num_pairs=2)
    posterior.latents = latents
    inverter = search(anchors=dict(scales=[0.4, 0.7], ratios=[1.0, 0.5, 2.0], min_side=0.25))
    assert torch.equal(inverter.invert(posterior).ids, every[errors.argmin(dim=1)])


def test_a_shortlist_of_all_classes_is_every_class():
    generator = PaintingGenerator(greys=GREYS[::2], leak=0.3)
    layouts = [generator.layout(*random_scene(generator, 2, seed)) for seed in range(2)]
    inverters = [search(size) for size in (8, 64)]
    found = [inverter.invert(generator.posterior(layouts)) for inverter in inverters]
    assert torch.equal(found[0].ids, found[1].ids) and torch.equal(found[0].nfe, found[1].nfe)
    assert torch.equal(found[0].class_evidence, found[1].class_evidence)
    assert inverters[0].shared_nfe == inverters[1].shared_nfe


@pytest.mark.parametrize('keep', [1, 8])
def test_evidence_of_asked_classes_is_that_of_single_questions_and_of_others_below(keep):
    """Errors depend on the noise; where few are kept, most are asked on one pair alone."""
    generator = PaintingGenerator(greys=GREYS, leak=0.3)
    truth = [random_scene(generator, 3, seed) for seed in range(3)]
    ids = torch.stack([generator.layout(*scene) for scene in truth])
    posterior = generator.posterior(list(ids))
    state = state_of(posterior, ids)
    likely = LikelyClasses(Shortlist(size=5))
    likely.prepare(posterior)
    settings = Rescore(class_pairs=4 if keep > 1 else 1, class_keep=keep)
    evidence = class_evidence(state, settings, likely)
    own, slots = present(state, torch.arange(len(ids)))
    ranked = likely.ranked(state, own, slots)
    for index, (image, slot) in enumerate(zip(own.tolist(), slots.tolist())):
        energies = []
        for place in [*range(len(GREYS)), None]:
            layout = ids[image].clone()
            vocabulary = generator.vocabulary
            vocabulary.objects(layout)[slot, :1] = vocabulary.none if place is None else vocabulary.class_ids[place]
            layout = vocabulary.settled(layout[None])
            energies.append(float(posterior.energy(torch.tensor([image]), layout)))
        single, got = energies[-1] - torch.tensor(energies[:-1]), evidence[image, slot]
        asked = torch.cat([ranked[index, :5], ranked[index, -1:]])
        if keep > 1:
            torch.testing.assert_close(got[asked], single[asked], rtol=1e-3, atol=1e-5)
            assert torch.equal(got[asked].argsort(), single[asked].argsort())
        others = ranked[index, 5:-1]
        assert bool((got[others] < got[asked].min()).all()) and bool((got[others].diff() < 0).all())
        span = got[asked].max() - got[asked].min()
        torch.testing.assert_close(got[others[-1]], got[asked].min() - span, rtol=1e-5, atol=1e-6)
    absent = ~generator.vocabulary.is_present(ids)
    assert not bool(evidence[absent].any())


def test_bounds_are_below_also_where_all_asked_classes_are_alike():
    ranked = torch.tensor([[2, 0, 3, 1]])
    asked = torch.tensor([[False, True, True, False]])
    got = below_the_asked(torch.tensor([[9.0, 0.5, 0.5, 9.0]]), asked, ranked)
    assert got[0, 1] == got[0, 2] == 0.5 and got[0, 3] < got[0, 0] < 0.5


def test_judging_costs_no_more_than_is_kept_back_for_it():
    """Objects that touch, so that each is asked in layouts of its own."""
    generator = PaintingGenerator(greys=GREYS, leak=0.3)
    ids = generator.layout((0, 0, 0, 6, 6), (9, 6, 0, 12, 6), (16, 0, 6, 12, 12))[None]
    posterior, settings = generator.posterior(list(ids), num_pairs=6), Rescore(class_pairs=2, class_keep=2)
    likely = LikelyClasses(Shortlist(size=5))
    likely.prepare(posterior)
    bound = judging_nfe(6, generator.vocabulary, settings, likely)
    state = state_of(posterior, ids, pairs=6)
    before = int(posterior.nfe)
    class_evidence(state, settings, likely)
    least, most = (3 * 2 + 3 * (6 + 5 * 2 + late * 4) for late in (2, 3))
    assert least <= int(posterior.nfe) - before <= most == int(bound(torch.tensor([3]))) - 2 * 6
    assert int(bound(torch.tensor([0]))) == 2 * 6


@pytest.mark.parametrize('expected', [0.0, 2.0])
def test_no_image_costs_more_than_its_budget(expected):
    """Whatever the budget, and the answer is judged as without one."""
    generator = PaintingGenerator(greys=GREYS, leak=0.3)
    truth = [random_scene(generator, count, 5) for count in (1, 3)]
    layouts = [generator.layout(*scene) for scene in truth]
    options = dict(shortlist=dict(expected=expected), pairs=2, rescore=dict(class_pairs=1, class_keep=1))
    free, found = search(**options).invert(generator.posterior(layouts)).nfe, 0
    for part in (0.03, 0.2, 0.35, 0.5, 0.7):
        inverter = search(max_nfe=int(part * int(free.max())), **options)
        generator.evaluations = 0
        capped = inverter.invert(generator.posterior(layouts))
        assert bool((capped.nfe <= inverter.max_nfe).all())
        assert generator.evaluations == int(capped.nfe.sum()) + inverter.shared_nfe
        there = generator.vocabulary.is_present(capped.ids)
        assert bool(capped.class_evidence.isfinite().all()) and bool((capped.evidence[there] != 0).all())
        found += int(there.sum())
    assert found > 0


def test_an_image_is_found_alike_alone_and_in_a_batch():
    generator = PaintingGenerator(greys=GREYS, leak=0.3)
    layouts = [generator.layout(*scene) for scene in painted_scenes(generator, [6])]
    together, inverter = search().invert(generator.posterior(layouts)), search()
    for image, layout in enumerate(layouts):
        alone = inverter.invert(generator.posterior([layout]))
        assert torch.equal(alone.ids[0], together.ids[image]) and int(alone.nfe[0]) == int(together.nfe[image])
        torch.testing.assert_close(alone.class_evidence[0], together.class_evidence[image], rtol=0, atol=1e-6)


def test_other_weights_are_asked_anew():
    generator = PaintingGenerator(greys=GREYS)
    likely, posterior = LikelyClasses(Shortlist(size=3)), generator.posterior([generator.layout((8, 2, 2, 9, 9))])
    assert likely.prepare(posterior) == len(GREYS)
    generator.table.weight.data = generator.table.weight.data.flip(0)
    assert likely.prepare(posterior) == len(GREYS)


def test_a_setting_of_the_shortlist_that_is_none_is_refused():
    with pytest.raises(ValueError, match='`model.inverter.classes.shortlist` has no setting `length`: it has'):
        search(shortlist=dict(length=3))
    with pytest.raises(ValueError, match='`model.inverter.classes.shortlist.size` is 0: give a whole number'):
        search(size=0)


def test_contents_of_boxes_are_looked_up_at_points_that_fill_them():
    """Pixels hold their own place in a line and in a column; a box of 8 x 4 pixels at 16 x 16 points."""
    vocabulary = PaintingGenerator().vocabulary
    image = torch.stack([torch.arange(16.0).expand(16, 16), torch.arange(16.0)[:, None].expand(16, 16)])
    found = contents(torch.stack([image, -image]), torch.tensor([1, 0]), torch.tensor([[4, 9, 12, 13]] * 2), vocabulary)
    x, y = torch.arange(4.0, 12.0).repeat_interleave(2), torch.arange(9.0, 13.0).repeat_interleave(4)
    expected = torch.stack([x.expand(16, 16), y[:, None].expand(16, 16)], dim=-1).flatten()
    assert torch.equal(found, torch.stack([-expected, expected]))
