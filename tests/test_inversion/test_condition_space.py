"""The projection on the table against a search through all of its rows."""
import pytest
import torch
from helpers.painting import PaintingGenerator

from dive_mmdet.inversion import ConditionSpace
from dive_mmdet.layout import LayoutVocabulary
from dive_mmdet.layout.vocabulary import CLASS

VOCABULARY = LayoutVocabulary(num_classes=3, num_objects=2, grid=3, encode_crop=True)
SHARED = LayoutVocabulary(num_classes=3, num_objects=2, num_tokens=12, shared_ids=True)


def random_table(vocabulary, dim=5):
    return torch.randn(vocabulary.num_tokens, dim, generator=torch.Generator().manual_seed(0))


def conditions(vocabulary, count=64, dim=5):
    return torch.randn(count, vocabulary.length, dim, generator=torch.Generator().manual_seed(1))


def candidates(vocabulary, slot):
    if vocabulary.slot_kinds[slot] == CLASS:
        return [*vocabulary.class_ids.tolist(), vocabulary.none]
    return list(range(vocabulary.num_corners))


def nearest_by_hand(vocabulary, table, v, distance):
    """Every row that a slot may take is measured; an object whose class is none has no corners."""
    metric = {'l2': lambda a, b: float((a - b).norm()),
              'cosine': lambda a, b: -float(torch.dot(a, b) / (a.norm() * b.norm()))}[distance]
    ids = []
    for slot in range(vocabulary.length):
        ids.append(min(candidates(vocabulary, slot), key=lambda i: metric(table[i], v[slot])))
    for first in range(0, 3 * vocabulary.num_objects, 3):
        if ids[first] == vocabulary.none:
            ids[first:first + 3] = [vocabulary.none] * 3
    return ids


@pytest.mark.parametrize('vocabulary', [VOCABULARY, SHARED])
@pytest.mark.parametrize('distance', ['l2', 'cosine'])
def test_nearest_rows_are_those_of_an_exhaustive_search(vocabulary, distance):
    table, v = random_table(vocabulary), conditions(vocabulary)
    ids = ConditionSpace(vocabulary, table, distance).nearest(v)
    assert ids.tolist() == [nearest_by_hand(vocabulary, table, row, distance) for row in v]


def test_the_two_distances_differ_where_lengths_do():
    table = random_table(VOCABULARY)
    table[VOCABULARY.none] *= 100
    v = conditions(VOCABULARY)
    l2, cosine = (ConditionSpace(VOCABULARY, table, distance).nearest(v) for distance in ('l2', 'cosine'))
    assert bool(VOCABULARY.is_present(l2).all()) and not bool(VOCABULARY.is_present(cosine).all())


@pytest.mark.parametrize('distance', ['l2', 'cosine', 'continuous'])
def test_rows_of_the_table_are_their_own_nearest(distance):
    generator = torch.Generator().manual_seed(2)
    ids = torch.stack([torch.tensor(candidates(VOCABULARY, slot))[torch.randint(3, (20,), generator=generator)]
                       for slot in range(VOCABULARY.length)], dim=1)
    table = random_table(VOCABULARY)
    assert torch.equal(ConditionSpace(VOCABULARY, table, distance).nearest(table[ids]), ids)


def test_presence_belongs_to_the_class_slot_alone():
    """Conditions that all lie on none: no crop becomes none, and no object is half there."""
    table = random_table(VOCABULARY)
    v = table[VOCABULARY.none].repeat(3, VOCABULARY.length, 1)
    v[1, 0] = table[VOCABULARY.class_ids[1]]
    v[2, 3] = table[VOCABULARY.class_ids[2]]
    ids = ConditionSpace(VOCABULARY, table).nearest(v)
    assert VOCABULARY.is_present(ids).tolist() == [[False, False], [True, False], [False, True]]
    absent = ~VOCABULARY.is_present(ids)
    objects = VOCABULARY.objects(ids)
    assert bool((objects[absent] == VOCABULARY.none).all())
    assert bool((objects[~absent][:, 1:] < VOCABULARY.num_corners).all())
    assert bool((ids[:, -2:] < VOCABULARY.num_corners).all())


def test_straight_through_gradient_is_the_rows_gradient():
    """Of a loss that is far from linear: the painting's error."""
    generator = PaintingGenerator()
    target = generator.paint(generator.embed(generator.layout((0, 2, 2, 9, 9)))[None])
    space = ConditionSpace(generator.vocabulary, generator.table.weight)
    ids = generator.layout((1, 3, 1, 8, 12))
    v = (space.table[ids][None] + 0.01 * conditions(generator.vocabulary, 1, 4)).requires_grad_()
    found, rows = space.project(v)
    assert torch.equal(found[0], ids)
    torch.testing.assert_close(rows.detach()[0], space.table[ids], rtol=0, atol=1e-6)
    (generator.paint(rows) - target).square().sum().backward()
    direct = space.table[ids][None].requires_grad_()
    (generator.paint(direct) - target).square().sum().backward()
    assert float(direct.grad.abs().max()) > 1
    torch.testing.assert_close(v.grad, direct.grad, rtol=1e-4, atol=1e-4)


def test_a_continuous_condition_is_projected_only_to_answer():
    table, v = random_table(VOCABULARY), conditions(VOCABULARY)
    ids, rows = ConditionSpace(VOCABULARY, table, 'continuous').project(v)
    assert rows is v
    assert torch.equal(ids, ConditionSpace(VOCABULARY, table, 'l2').nearest(v))


def test_starts_have_the_mean_and_spread_of_the_whole_table():
    table = 3 * random_table(VOCABULARY) + 7
    space = ConditionSpace(VOCABULARY, table)
    v = space.random(2000, torch.Generator().manual_seed(0))
    assert v.shape == (2000, VOCABULARY.length, 5)
    assert abs(float(v.mean() - table.mean())) < 0.05 and abs(float(v.std() - table.std())) < 0.05
    assert torch.equal(space.random(2000, torch.Generator().manual_seed(0)), v)


def test_the_table_stays_frozen():
    table = torch.nn.Parameter(random_table(VOCABULARY))
    v = conditions(VOCABULARY).requires_grad_()
    ConditionSpace(VOCABULARY, table).project(v)[1].sum().backward()
    assert table.grad is None and torch.equal(v.grad, torch.ones_like(v))


def test_what_cannot_be_projected_is_refused():
    table = random_table(VOCABULARY)
    with pytest.raises(ValueError, match="Unknown distance 'l1': use one of l2, cosine, continuous"):
        ConditionSpace(VOCABULARY, table, 'l1')
    table[4] = 0
    with pytest.raises(ValueError, match='a row of zeros, which has no direction: use the l2 distance'):
        ConditionSpace(VOCABULARY, table, 'cosine')
    ConditionSpace(VOCABULARY, table, 'l2')
