"""A corrupted layout differs from the true one in exactly what its name says."""
import pytest
import torch

from dive_mmdet.layout import LayoutTokenizer, LayoutVocabulary
from dive_mmdet.layout.corruptions import shift_one_box, swap_one_label

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


@pytest.mark.parametrize('corrupt', [swap_one_label, lambda *args: shift_one_box(*args, shift=0.125)])
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
