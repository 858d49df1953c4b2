"""The ids of a layout and what every position may hold."""
import pytest
import torch

from dive_mmdet.layout import LayoutVocabulary
from dive_mmdet.layout.vocabulary import BOTTOM_RIGHT, CLASS, TOP_LEFT


def published(**changes):
    """A published vocabulary in small: 12 rows, 3 x 3 corners, class and corner ids shared."""
    return LayoutVocabulary(**{**dict(num_classes=4, num_objects=2, num_tokens=12, shared_ids=True), **changes})


def separate(**changes):
    return LayoutVocabulary(**{**dict(num_classes=4, num_objects=2, grid=3), **changes})


def test_ids_of_the_released_model():
    vocabulary = LayoutVocabulary(num_classes=601, num_objects=30, num_tokens=8192, shared_ids=True, encode_crop=True,
                                  use_group=True)
    assert (vocabulary.grid, vocabulary.none, vocabulary.length) == (90, 8191, 92)
    assert vocabulary.num_class_ids == 1202 and vocabulary.num_corners == 8100


def test_shared_ids_overlap_and_separate_ids_do_not():
    shared, apart = published(), separate()
    assert shared.class_ids.tolist() == [0, 1, 2, 3] and shared.corner_ids.tolist() == list(range(9))
    assert apart.corner_ids.tolist() == list(range(9)) and apart.class_ids.tolist() == [9, 10, 11, 12]
    assert shared.none == 11 and apart.none == 13
    assert apart.num_tokens == 9 + 4 + 1


def test_class_slots_take_classes_or_none_and_corner_slots_corners():
    for vocabulary in (published(encode_crop=True), separate(encode_crop=True)):
        (class_slots, classes), (corner_slots, corners) = vocabulary.slot_candidates
        assert vocabulary.length == 8
        assert class_slots.tolist() == [0, 3] and corner_slots.tolist() == [1, 2, 4, 5, 6, 7]
        assert classes.tolist() == vocabulary.class_ids.tolist() + [vocabulary.none]
        assert corners.tolist() == list(range(9))


def test_none_may_coincide_with_the_last_corner():
    """A square table leaves no row for none alone."""
    vocabulary = published(num_tokens=9)
    assert vocabulary.none == 8 and vocabulary.slot_candidates[1][1].tolist() == list(range(9))


@pytest.mark.parametrize('changes, factor', [({}, 1), (dict(use_group=True), 2),
                                             (dict(use_group=True, use_additional=True), 16)])
def test_modifiers_multiply_the_classes(changes, factor):
    vocabulary = separate(**changes)
    assert vocabulary.num_class_ids == 4 * factor and len(vocabulary.slot_candidates[0][1]) == 4 * factor + 1


def test_slot_kinds_name_what_a_position_holds():
    kinds = separate(num_objects=1, encode_crop=True).slot_kinds
    assert kinds.tolist() == [CLASS, TOP_LEFT, BOTTOM_RIGHT, TOP_LEFT, BOTTOM_RIGHT]


def test_the_class_slot_alone_decides_presence():
    vocabulary = separate()
    none, label = vocabulary.none, int(vocabulary.class_ids[0])
    ids = torch.tensor([[label, none, none, none, 0, 8]])
    assert vocabulary.is_present(ids).tolist() == [[True, False]]


def test_the_empty_layout_sees_the_whole_image():
    vocabulary = published(encode_crop=True)
    assert vocabulary.empty().tolist() == [11] * 6 + [0, 8]
    assert published().empty().tolist() == [11] * 6


def test_objects_are_triples_without_the_crop():
    ids = torch.arange(8)
    assert published(encode_crop=True).objects(ids).tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize('changes, sentence', [
    (dict(num_classes=0), 'A layout needs classes and object slots'),
    (dict(num_objects=0), 'A layout needs classes and object slots'),
    (dict(use_additional=True), 'use_additional=True needs use_group=True'),
    (dict(shared_ids=True), 'Give num_tokens with shared_ids=True'),
    (dict(grid=None), 'or grid with shared_ids=False'),
    (dict(num_tokens=12), 'Give num_tokens with shared_ids=True'),
    (dict(grid=1), 'A corner grid of 1 points'),
    (dict(grid=None, shared_ids=True, num_tokens=4), '4 class ids do not fit a table of 4 rows'),
])
def test_sizes_that_contradict_each_other_are_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        separate(**changes)


def test_answers_are_the_categories_that_mean_a_label():
    """Two categories mean label 0, none label 1, one label 2; modifiers are no answers."""
    for vocabulary, offset in ((published(use_group=True, answers=[[3, 1], [], [0]]), 0),
                               (separate(use_group=True, answers=[[3, 1], [], [0]]), 9)):
        assert vocabulary.class_ids.tolist() == [3 + offset, 1 + offset, offset]
        assert vocabulary.class_labels.tolist() == [0, 0, 2] and vocabulary.num_labels == 3
        assert vocabulary.class_places(torch.tensor([offset, 3 + offset, vocabulary.none])).tolist() == [2, 0, 0]
        assert vocabulary.categories(torch.tensor([2, 0])).tolist() == [0, 3]
        assert vocabulary.num_tokens == (12 if not offset else 9 + 8 + 1)
        with pytest.raises(ValueError, match='No category of the vocabulary means label 1'):
            vocabulary.categories(torch.tensor([1]))


@pytest.mark.parametrize('answers, sentence', [([[4]], 'none of the 4'), ([[1], [1]], 'each under one label'),
                                               ([[]], 'must name categories')])
def test_answers_that_name_nothing_or_one_category_twice_are_refused(answers, sentence):
    with pytest.raises(ValueError, match=sentence):
        separate(answers=answers)


def test_an_unknown_class_is_one_of_those_that_were_not_added():
    """Classes are 9 to 12, of which the last two were added; a layout's other ids are never hidden."""
    assert separate(num_added=2).known_class_ids.tolist() == [9, 10]
    assert separate(num_added=2, answers=[[3], [1]]).known_class_ids.tolist() == [10]
    assert separate(num_added=2, answers=[[3], []]).known_class_ids.tolist() == [9, 10]
    assert separate(answers=[[3], [1]]).known_class_ids.tolist() == [12, 10]
    vocabulary = separate(num_added=2)
    ids = torch.tensor([[10, 0, 8, 11, 3, 7], [12, 1, 5, 13, 13, 13]])
    unknown = vocabulary.any_class
    assert vocabulary.hide_added(ids).tolist() == [[10, 0, 8, unknown, 3, 7], [unknown, 1, 5, 13, 13, 13]]
    assert separate().hide_added(ids) is ids
