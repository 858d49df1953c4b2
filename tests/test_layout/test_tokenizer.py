"""Tokens and boxes against those of the original layout tokeniser, and the strict encoder's own promises."""
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.published_tokens import FLAGS, build_tokens

from dive_mmdet.layout import LayoutTokenizer, LayoutVocabulary

CASES = json.loads((Path(__file__).parents[1] / 'data/tokenizer/cases.json').read_text())
BUILD, INVERSE = CASES['build_cases'], CASES['inverse_cases']


def named(cases):
    return pytest.mark.parametrize('case', cases, ids=[case['name'] for case in cases])


def tokenizer_of(case):
    settings = case['settings']
    return LayoutTokenizer(LayoutVocabulary(
        num_classes=settings['no_object_classes'], num_objects=settings['no_max_objects'],
        num_tokens=settings['no_tokens'], shared_ids=True, encode_crop=settings['encode_crop'],
        use_group=settings['use_group_parameter'], use_additional=settings['use_additional_parameters']))


def small_tokenizer(**changes):
    return LayoutTokenizer(LayoutVocabulary(**{**dict(num_classes=3, num_objects=2, grid=5), **changes}))


def width_height(corners):
    return torch.cat([corners[..., :2], corners[..., 2:] - corners[..., :2]], dim=-1)


@named(BUILD)
def test_tokens_equal_the_original(case):
    tokens = build_tokens(tokenizer_of(case), case['annotations'], case['crop'], case['horizontal_flip'])
    assert tokens.tolist() == case['tokens']


@named(BUILD + INVERSE)
def test_decoded_layout_equals_the_original(case):
    tokenizer, ids = tokenizer_of(case), torch.tensor(case['tokens'])
    layout, expected = tokenizer.decode(ids), case['inverse']['objects']
    assert tokenizer.vocabulary.objects(ids)[layout.slots, 0].tolist() == [o['representation'] for o in expected]
    assert layout.labels.tolist() == [o['category_no'] for o in expected]
    assert layout.modifiers.tolist() == [sum(o[flag] << bit for bit, flag in enumerate(FLAGS)) for o in expected]
    boxes = torch.tensor([o['bbox'] for o in expected], dtype=torch.float64).reshape(-1, 4)
    assert layout.boxes.dtype == torch.float64
    torch.testing.assert_close(width_height(layout.boxes), boxes, rtol=0, atol=1e-12)
    if case['inverse']['crop'] is None:
        assert layout.crop is None
    else:
        crop = torch.tensor(case['inverse']['crop'], dtype=torch.float64)
        torch.testing.assert_close(width_height(layout.crop), crop, rtol=0, atol=1e-12)


@named(BUILD + INVERSE)
def test_sizes_equal_the_original(case):
    vocabulary = tokenizer_of(case).vocabulary
    assert (vocabulary.grid, vocabulary.none, vocabulary.length) == (
        case['no_sections'], case['none_token'], case['length'])


@named(BUILD)
def test_strict_and_compatible_encoding_agree_on_layouts_without_oddities(case):
    """Boxes that lie on the grid are neither shifted, cut nor dropped."""
    tokenizer = tokenizer_of(case)
    layout = tokenizer.decode(torch.tensor(case['tokens']))
    keep = (layout.boxes[:, 2:] > layout.boxes[:, :2]).all(dim=1)
    annotations = [
        dict(bbox=box, category_no=label, **{flag: bool(bits >> bit & 1) for bit, flag in enumerate(FLAGS)})
        for box, label, bits in zip(width_height(layout.boxes)[keep].tolist(), layout.labels[keep].tolist(),
                                    layout.modifiers[keep].tolist())]
    strict = tokenizer.encode(layout.boxes[keep], layout.labels[keep], layout.modifiers[keep])
    assert torch.equal(strict, build_tokens(tokenizer, annotations))


def test_flags_count_only_as_the_object_true():
    tokenizer = small_tokenizer(use_group=True)
    none = tokenizer.vocabulary.class_offset
    for flag, offset in ((True, 3), (1, 0), (np.True_, 0), (False, 0), (None, 0)):
        tokens = build_tokens(tokenizer, [dict(bbox=(0, 0, 1, 1), category_no=0, is_group_of=flag)])
        assert tokens[0] == none + offset, flag


def test_cutting_comes_before_dropping():
    annotations = [dict(bbox=(0.1 * i, 0, 0.1, 0.1), category_no=0) for i in range(3)]
    tokenizer = small_tokenizer()
    tokens = build_tokens(tokenizer, annotations, crop=(0.1, 0, 0.9, 1))
    assert int(tokenizer.vocabulary.is_present(tokens).sum()) == 1


@pytest.mark.parametrize('changes', [
    {}, dict(encode_crop=True), dict(use_group=True, use_additional=True),
    dict(grid=None, num_tokens=26, shared_ids=True), dict(grid=None, num_tokens=25, shared_ids=True)])
def test_layouts_on_the_grid_survive_both_ways(changes):
    tokenizer = small_tokenizer(**changes)
    boxes = torch.tensor([[0.0, 0.25, 0.5, 1.0], [0.25, 0.0, 1.0, 0.75]], dtype=torch.float64)
    modifiers = torch.tensor([5, 0]) % (1 << tokenizer.vocabulary.modifier_bits)
    ids = tokenizer.encode(boxes, torch.tensor([2, 0]), modifiers)
    layout = tokenizer.decode(ids)
    assert torch.equal(layout.boxes, boxes)
    assert layout.labels.tolist() == [2, 0] and torch.equal(layout.modifiers, modifiers)
    for slots, candidates in tokenizer.vocabulary.slot_candidates:
        assert torch.isin(ids[slots], torch.cat([candidates, ids.new_tensor([tokenizer.vocabulary.none])])).all()


def test_a_layout_without_objects_is_the_empty_one():
    tokenizer = small_tokenizer(encode_crop=True)
    ids = tokenizer.encode(torch.zeros(0, 4), torch.zeros(0))
    assert torch.equal(ids, tokenizer.vocabulary.empty())
    assert len(tokenizer.decode(ids).boxes) == 0


def test_ties_are_decided_in_double_precision():
    """0.35 x 10 is a tie in double precision, hence 4; the nearest single-precision number is below it."""
    tokenizer = small_tokenizer(grid=11)
    ids = tokenizer.encode([[0.35, 0.5, 1.0, 1.0]], [0], crop=[0.35, 0.0, 1.0, 1.0])
    assert ids[1] % 11 == 4
    with_crop = small_tokenizer(grid=11, encode_crop=True).encode([], [], crop=[0.35, 0.0, 1.0, 1.0])
    assert with_crop[-2] == 4


@pytest.mark.parametrize('boxes, labels, modifiers, crop, sentence', [
    ([[0, 0, 1, 1]] * 3, [0] * 3, None, None, '3 objects do not fit 2 slots'),
    ([[0, 0, 1, 1]], [0, 1], None, None, '1 boxes came with 2 labels'),
    ([[0, 0, 1, 1]], [3], None, None, 'Label 3 is none of the 3 categories'),
    ([[0, 0, 1, 1]], [-1], None, None, 'Label -1 is none of the 3 categories'),
    ([[0, 0, 1, 1]], [0], [1], None, 'Modifier 1 does not fit the 0 modifier bits'),
    ([[0, 0, 1, 1.5]], [0], None, None, r'Box \[0.0, 0.0, 1.0, 1.5\] lies outside the image'),
    ([[0, float('nan'), 1, 1]], [0], None, None, 'lies outside the image'),
    ([[0.5, 0, 0.5, 1]], [0], None, None, r'Box \[0.5, 0.0, 0.5, 1.0\] has no area'),
    ([], [], None, [0, 0, 2, 1], r'Crop \[0.0, 0.0, 2.0, 1.0\] lies outside the image'),
])
def test_what_cannot_be_represented_is_refused_in_one_sentence(boxes, labels, modifiers, crop, sentence):
    with pytest.raises(ValueError, match=sentence):
        small_tokenizer().encode(boxes, labels, modifiers, crop)
