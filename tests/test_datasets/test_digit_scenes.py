"""Scenes measured in their own pixels."""
import itertools

import numpy as np
import pytest

from dive_mmdet.datasets import DigitSceneComposer, DigitSceneDataset, digit_scenes, split_digits

TURNED = dict(max_rotation=10.0, max_shear=10.0)
COUNT = 150


def scenes(count=COUNT, **arguments):
    composer = DigitSceneComposer(**arguments)
    return [composer.compose(index) for index in range(count)]


def tight(ink):
    """The box around what is not 0, x1 and y1 exclusive."""
    rows, columns = np.nonzero(ink)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize('arguments', [{}, TURNED, dict(size=48, max_digits=1)])
def test_boxes_of_single_digits_are_exactly_tight(arguments):
    found = 0
    for image, boxes, _ in scenes(**arguments):
        if len(boxes) == 1:
            found += 1
            assert boxes[0].tolist() == tight(image)
    assert found > COUNT // 6


@pytest.mark.parametrize('arguments', [{}, TURNED])
def test_boxes_that_share_nothing_are_tight_around_all_ink(arguments):
    apart = [(image, boxes) for image, boxes, _ in scenes(**arguments) if not any(shares(boxes))]
    assert len(apart) > COUNT // 2
    for image, boxes in apart:
        rest = image.copy()
        for box in boxes:
            x0, y0, x1, y1 = box
            assert [*(tight(image[y0:y1, x0:x1]) + np.array([x0, y0, x0, y0]))] == box.tolist()
            rest[y0:y1, x0:x1] = 0
        assert not rest.any()


def shares(boxes):
    """Of the smaller of every two boxes, by their pixels."""
    for a, b in itertools.combinations(boxes, 2):
        both = np.zeros((2, 64, 64), bool)
        for mask, (x0, y0, x1, y1) in zip(both, (a, b)):
            mask[y0:y1, x0:x1] = True
        yield both.all(axis=0).sum() / min(both[0].sum(), both[1].sum())


def test_boxes_overlap_at_most_as_allowed():
    """A twentieth of the smaller of two, which is made use of."""
    found = [boxes for _, boxes, _ in scenes()]
    assert all(boxes.min() >= 0 and boxes.max() <= 64 for boxes in found)
    largest = max(share for boxes in found for share in shares(boxes))
    assert 0.8 * 0.05 <= largest <= 0.05


def test_scenes_depend_on_seed_split_and_index_alone():
    composer = DigitSceneComposer(**TURNED)
    np.random.seed(1)
    first = [composer.compose(index) for index in (3, 0, 7)]
    np.random.seed(2)
    composer.compose(1)
    second = [DigitSceneComposer(**TURNED).compose(index) for index in (7, 3, 0)]
    for a, b in zip(first, (second[1], second[2], second[0])):
        assert all(np.array_equal(x, y) for x, y in zip(a, b))
    for other in (DigitSceneComposer(seed=1), DigitSceneComposer(split='val')):
        assert not np.array_equal(other.compose(3)[0], DigitSceneComposer().compose(3)[0])
    assert len({scene[0].tobytes() for scene in scenes()}) == COUNT


@pytest.mark.parametrize('split', ['train', 'val'])
def test_digits_come_from_their_split(monkeypatch, split):
    """The digits of each split are replaced by a mark of their own."""
    marks = {'train': np.zeros((28, 28), np.uint8), 'val': np.zeros((28, 28), np.uint8)}
    marks['train'][4:24, 4:24], marks['val'][4:24, 12:16] = 255, 255
    monkeypatch.setattr(digit_scenes, 'split_digits', lambda name: (marks[name][None], np.array([3])))
    for _, boxes, labels in scenes(10, split=split):
        aspects = (boxes[:, 2] - boxes[:, 0]) / (boxes[:, 3] - boxes[:, 1])
        assert (aspects > 0.8).all() if split == 'train' else (aspects < 0.4).all()
        assert (labels == 3).all()


def test_a_scene_holds_one_to_four_digits_of_all_classes_at_sides_as_asked():
    found = scenes(400)
    counts = np.bincount([len(boxes) for _, boxes, _ in found], minlength=5)
    # A digit that finds no place is left out, so large scenes are a little rarer.
    assert counts[0] == 0 and (counts[1:] > 60).all() and len(counts) == 5
    labels = np.concatenate([labels for _, _, labels in found])
    assert np.bincount(labels, minlength=10).min() > 50
    boxes = np.concatenate([boxes for _, boxes, _ in found])
    longer = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    assert 12 <= longer.min() <= 15 and 29 <= longer.max() <= 32
    image = found[0][0]
    assert image.shape == (64, 64) and image.dtype == np.uint8 and all(set(np.unique(i)) & {0} for i, _, _ in found)


def test_no_ink_is_fainter_than_the_limit():
    assert all(image[image > 0].min() >= 32 for image, _, _ in scenes(20))


def test_a_digit_at_its_own_size_is_copied(monkeypatch):
    """Even sides, so that its centre lies between pixels as the canvas's does."""
    def cut(digit):
        x0, y0, x1, y1 = tight(np.where(digit >= 32, digit, 0))
        return np.where(digit >= 32, digit, 0)[y0:y1, x0:x1]

    digits, labels = split_digits('train')
    sides = {i: cut(digits[i]).shape for i in range(0, 4000, 40)}
    even = [i for i, side in sides.items() if max(side) == 20 and min(side) % 2 == 0]
    assert len(even) > 3
    for index in even:
        monkeypatch.setattr(digit_scenes, 'split_digits', lambda name, i=index: (digits[[i]], labels[[i]]))
        (image, boxes, label), = scenes(1, max_digits=1, min_side=20.0, max_side=20.0)
        x0, y0, x1, y1 = boxes[0]
        assert np.array_equal(image[y0:y1, x0:x1], cut(digits[index])) and label[0] == labels[index]


def test_scenes_do_without_excluded_digits(monkeypatch):
    """Every digit is a bar as long as its value, so that the pixels say which one it is."""
    bars = np.zeros((10, 28, 28), np.uint8)
    for value, bar in enumerate(bars):
        bar[4:24, 4:6 + 2 * value] = 255
    monkeypatch.setattr(digit_scenes, 'split_digits', lambda name: (bars, np.arange(10)))
    dataset = DigitSceneDataset(60, dict(exclude=['4', 9], min_side=20.0, max_side=20.0))
    assert dataset.metainfo['classes'] == ('0', '1', '2', '3', '5', '6', '7', '8')
    seen = set()
    for _, boxes, labels in map(dataset.composer.compose, range(60)):
        for (x0, y0, x1, y1), label in zip(boxes, labels):
            value = round(((x1 - x0) / (y1 - y0) * 20 - 2) / 2)
            assert dataset.metainfo['classes'][label] == str(value)
            seen.add(value)
    assert seen == {0, 1, 2, 3, 5, 6, 7, 8}


def test_nothing_excluded_is_the_scene_as_ever():
    for plain, asked in zip(scenes(3), scenes(3, exclude=[])):
        assert all(np.array_equal(a, b) for a, b in zip(plain, asked))


@pytest.mark.parametrize('exclude, sentence', [(['12'], "'12' is no digit: give some"), ('nine', "'nine' is no digit"),
                                               (range(10), 'no digit is left: give some, not all, of 0, 1')])
def test_what_cannot_be_excluded_is_refused(exclude, sentence):
    with pytest.raises(ValueError, match=sentence):
        DigitSceneComposer(exclude=exclude)
