"""A corrupted layout differs from the true one in exactly what its name says."""
import pytest
import torch

from dive_mmdet.layout import LayoutTokenizer, LayoutVocabulary
from dive_mmdet.layout.corruptions import (
    add_one_object,
    drop_one_object,
    resize_boxes,
    shift_one_box,
    swap_one_label,
    wrong_layouts,
)

BOXES = torch.tensor([[0.0, 0.0, 0.25, 0.25], [0.5, 0.5, 1.0, 1.0]], dtype=torch.float64)


def tokenizer(**changes):
    return LayoutTokenizer(LayoutVocabulary(**{
        **dict(num_classes=3, num_objects=3, grid=9, encode_crop=True, use_group=True), **changes}))


def draws(count=20):
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


@pytest.mark.parametrize('changes', [{}, dict(grid=None, num_tokens=90, shared_ids=True)])
def test_a_swapped_label_changes_one_category_and_keeps_its_modifiers(changes):
    tokens = tokenizer(**changes)
    ids = tokens.encode(BOXES, torch.tensor([0, 2]), torch.tensor([1, 0]))
    seen = set()
    for generator in draws():
        wrong = swap_one_label(ids, tokens, generator)
        layout = tokens.decode(wrong)
        assert int((wrong != ids).sum()) == 1
        assert layout.modifiers.tolist() == [1, 0] and torch.equal(layout.boxes, BOXES)
        seen.add(tuple(layout.labels.tolist()))
    assert seen == {(1, 2), (2, 2), (0, 0), (0, 1)}


def test_a_shifted_box_keeps_its_size_and_stays_inside():
    tokens = tokenizer()
    ids = tokens.encode(BOXES, torch.tensor([0, 2]))
    for generator in draws():
        layout = tokens.decode(shift_one_box(ids, tokens, generator, shift=0.125))
        moved = layout.boxes - BOXES
        assert moved.abs().sum() == 2 * 0.125                        # both corners, one axis, one object
        assert torch.equal(moved[:, :2], moved[:, 2:])
        assert layout.labels.tolist() == [0, 2] and bool(((layout.boxes >= 0) & (layout.boxes <= 1)).all())


def test_a_box_as_wide_as_the_image_stops_at_the_border():
    tokens = tokenizer(num_objects=1)
    ids = tokens.encode([[0.0, 0.0, 1.0, 1.0]], [0])
    for generator in draws():
        boxes = tokens.decode(shift_one_box(ids, tokens, generator, shift=0.25)).boxes
        assert bool(((boxes >= 0) & (boxes <= 1)).all()) and boxes.tolist() != [[0.0, 0.0, 1.0, 1.0]]


@pytest.mark.parametrize('corrupt', [swap_one_label, drop_one_object, add_one_object,
                                     lambda *args: shift_one_box(*args, shift=0.125)])
def test_the_same_seed_gives_the_same_corruption_and_the_original_stays(corrupt):
    tokens = tokenizer()
    ids = tokens.encode(BOXES, torch.tensor([0, 2]))
    before = ids.clone()
    first, second = (corrupt(ids, tokens, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second) and torch.equal(ids, before)


def test_what_cannot_be_corrupted_is_refused():
    generator = torch.Generator()
    with pytest.raises(ValueError, match='A layout without objects cannot be corrupted'):
        swap_one_label(tokenizer().vocabulary.empty(), tokenizer(), generator)
    single = tokenizer(num_classes=1)
    with pytest.raises(ValueError, match='With a single category there is no label to swap'):
        swap_one_label(single.encode(BOXES[:1], [0]), single, generator)


def test_resized_boxes_keep_their_centres_and_stop_at_the_border():
    tokens = tokenizer(grid=17)
    ids = tokens.encode([[0.25, 0.25, 0.75, 0.5], [0.0, 0.5, 0.5, 1.0]], [0, 2])[None]
    half, double = (tokens.decode(resize_boxes(ids, tokens, factor)[0]) for factor in (0.5, 2.0))
    assert half.boxes.tolist() == [[0.375, 0.3125, 0.625, 0.4375], [0.125, 0.625, 0.375, 0.875]]
    assert double.boxes.tolist() == [[0.0, 0.125, 1.0, 0.625], [0.0, 0.25, 0.75, 1.0]]
    assert half.labels.tolist() == double.labels.tolist() == [0, 2]
    thin = tokens.decode(resize_boxes(tokens.encode([[0.9375, 0.5, 1.0, 0.5625]], [1])[None], tokens, 0.3)[0]).boxes
    assert bool((thin[:, 2:] - thin[:, :2] == 1 / 16).all())


def test_an_object_too_few_or_too_many():
    tokens = tokenizer(num_objects=4, grid=17)
    vocabulary = tokens.vocabulary
    ids = tokens.encode(BOXES, torch.tensor([0, 2]))
    gone, labels = set(), set()
    for generator in draws():
        fewer, more = (tokens.decode(corrupt(ids, tokens, generator)) for corrupt in (drop_one_object, add_one_object))
        assert len(fewer.labels) == 1 and len(more.labels) == 3
        gone.add(int(fewer.labels))
        assert torch.equal(more.boxes[:2], BOXES) and more.labels[:2].tolist() == [0, 2]
        size = dict(zip([0, 2], (BOXES[:, 2:] - BOXES[:, :2]).tolist()))[int(more.labels[2])]
        assert (more.boxes[2, 2:] - more.boxes[2, :2]).tolist() == pytest.approx(size, abs=1 / 16)
        assert bool(((more.boxes >= 0) & (more.boxes <= 1)).all())
        labels.add(int(more.labels[2]))
    assert gone == labels == {0, 2}
    full = LayoutTokenizer(LayoutVocabulary(3, 2, grid=9))
    ids = full.encode(BOXES, torch.tensor([0, 2]))
    assert torch.equal(add_one_object(ids, full, torch.Generator()), ids)
    assert int(vocabulary.is_present(tokens.encode(BOXES, [0, 1])).sum()) == 2


def test_an_object_too_many_goes_where_others_are_not():
    tokens = tokenizer(num_objects=4, grid=33)
    ids = tokens.encode([[0.0, 0.0, 0.5, 1.0], [0.0, 0.25, 0.25, 0.5]], [0, 1])
    overlaps = []
    for generator in draws():
        layout = tokens.decode(add_one_object(ids, tokens, generator))
        if int(layout.labels[2]) == 1:
            overlaps.append(float((0.5 - layout.boxes[2, 0]).clamp(min=0)))
    assert overlaps and sum(overlaps) / len(overlaps) < 0.02


def test_every_kind_is_made_of_every_image_by_its_own_seed():
    tokens = tokenizer(grid=17)
    ids = torch.stack([tokens.encode(BOXES, torch.tensor([0, 2])), tokens.vocabulary.empty()])
    found = wrong_layouts(ids, tokens, [3, 4], 0.25)
    assert list(found) == ['empty', 'shuffled', 'class_swapped', 'shifted', 'shrunk', 'grown', 'dropped', 'extra']
    for kind, layouts in found.items():
        assert layouts.shape == ids.shape
        assert not torch.equal(layouts[0], ids[0]), kind
        assert torch.equal(layouts[1], ids[1]) or kind == 'shuffled'
    alone = wrong_layouts(ids[:1], tokens, [3], 0.25)
    assert set(found) - set(alone) == {'shuffled'}
    assert all(torch.equal(alone[kind][0], found[kind][0]) for kind in alone)
    assert 'class_swapped' not in wrong_layouts(tokenizer(num_classes=1).vocabulary.empty()[None],
                                                tokenizer(num_classes=1), [0], 0.25)
