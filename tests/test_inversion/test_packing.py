"""Packed offers against a first fit that copies layouts and compares masks, pixel by pixel."""
import pytest
import torch

from dive_mmdet.inversion.search.offers import FREE, UNUSED, Offers, regions
from dive_mmdet.inversion.search.packing import alone, packed, together
from dive_mmdet.layout import LayoutVocabulary
from dive_mmdet.layout.vocabulary import CLASS

VOCABULARY = LayoutVocabulary(3, 4, grid=10)


def random_objects(count, rng):
    low = torch.randint(0, 7, (count, 2), generator=rng)
    high = low + torch.randint(1, 4, (count, 2), generator=rng)
    classes = VOCABULARY.class_ids[torch.randint(3, (count,), generator=rng)]
    return torch.stack([classes, low[:, 1] * 10 + low[:, 0], high[:, 1] * 10 + high[:, 0]], dim=1)


def random_offers(seed):
    """Three layouts of 2, 4 and 0 objects, and offers of one slot or two, free ones and removals among them."""
    rng = torch.Generator().manual_seed(seed)
    ids = VOCABULARY.empty().repeat(3, 1)
    for row, count in enumerate((2, 4, 0)):
        VOCABULARY.objects(ids)[row, :count] = random_objects(count, rng)
    rows, slots = torch.randint(3, (40,), generator=rng).sort().values, []
    for row in rows.tolist():
        own = torch.randperm((2, 4, 0)[row], generator=rng).tolist()
        slots.append(([*own[:int(torch.randint(3, (1,), generator=rng))], FREE, UNUSED])[:2])
    objects = torch.stack([random_objects(40, rng), random_objects(40, rng)], dim=1)
    objects[torch.rand(40, 2, generator=rng) < 0.2] = VOCABULARY.none
    return ids, Offers(rows, torch.arange(40), torch.tensor(slots), objects)


def put_by_hand(layout, slots, objects):
    """Offers into one layout (L,), slot by slot; False where no slot is free."""
    free = [slot for slot in range(4) if int(VOCABULARY.objects(layout)[slot, CLASS]) == VOCABULARY.none]
    return free_put(layout, slots, objects, free)


def free_put(layout, slots, objects, free):
    if slots.count(FREE) > len(free):
        return False
    for slot, content in zip(slots, objects):
        if slot != UNUSED:
            VOCABULARY.objects(layout)[free.pop(0) if slot == FREE else slot] = content
    return True


def packed_by_hand(ids, offers, seen):
    """First fit: an offer's pixels and slots must be untouched, with the pixels around it, in a layout of its row."""
    layouts, where = [], []
    for row, slots, objects, region in zip(offers.rows.tolist(), offers.slots.tolist(), offers.objects, seen):
        around = torch.zeros_like(region)
        for y, x in region.nonzero().tolist():
            around[max(0, y - 1):y + 2, max(0, x - 1):x + 2] = True
        new = dict(row=row, ids=ids[row].clone(), pixels=torch.zeros_like(region), slots=set(),
                   free=[s for s in range(4) if int(VOCABULARY.objects(ids)[row, s, CLASS]) == VOCABULARY.none])
        own = {slot for slot in slots if slot >= 0}
        for place, layout in enumerate([*layouts, new]):
            if layout['row'] == row and not bool((layout['pixels'] & around).any()) and not own & layout['slots'] \
                    and free_put(layout['ids'], slots, objects, layout['free']):
                layout['pixels'] |= region
                layout['slots'] |= own
                layouts += [layout] * (layout is new)
                where.append(place)
                break
        else:
            where.append(-1)
    return where, layouts


@pytest.mark.parametrize('seed', range(8))
@pytest.mark.parametrize('shape', [(9, 9), (5, 13)])
def test_first_fit_by_hand_packs_the_same(seed, shape):
    ids, offers = random_offers(seed)
    seen = regions(ids, offers, VOCABULARY, shape)
    where, layouts, rows = packed(ids, offers, seen, VOCABULARY)
    expected, by_hand = packed_by_hand(ids, offers, seen)
    assert where.tolist() == expected and rows.tolist() == [layout['row'] for layout in by_hand]
    assert torch.equal(layouts, torch.stack([layout['ids'] for layout in by_hand]))
    assert -1 in expected and len(by_hand) < 40


@pytest.mark.parametrize('seed', range(4))
def test_offers_alone_are_their_layouts(seed):
    ids, offers = random_offers(seed)
    for layout, row, slots, objects in zip(alone(ids, offers, VOCABULARY), offers.rows.tolist(),
                                           offers.slots.tolist(), offers.objects):
        expected = ids[row].clone()
        put_by_hand(expected, slots, objects)
        assert torch.equal(layout, expected)


def test_offers_of_a_row_together_are_one_layout():
    """New objects take the slots that are free, in their order."""
    ids, _ = random_offers(0)
    objects = random_objects(6, torch.Generator().manual_seed(1)).view(3, 2, 3)
    offers = Offers(torch.tensor([0, 0, 2]), torch.arange(3), torch.tensor([[1, FREE], [FREE, UNUSED], [FREE, FREE]]),
                    objects)
    rows, layouts, taken = together(ids, offers, VOCABULARY)
    assert rows.tolist() == [0, 2] and taken.tolist() == [[1, 2], [3, UNUSED], [0, 1]]
    expected = VOCABULARY.objects(ids[rows].clone())
    expected[0, 1], expected[0, 2], expected[0, 3], expected[1, :2] = *objects[0], objects[1, 0], objects[2]
    assert torch.equal(VOCABULARY.objects(layouts), expected)
