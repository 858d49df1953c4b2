"""Digit strings against the digits that they are made of."""
import numpy as np
import pytest
from mmengine.registry import DATASETS, DefaultScope

import dive_mmdet  # noqa: F401
from dive_mmdet.datasets.digit_strings import DigitStringComposer, DigitStringDataset, Mnist5kDataset
from dive_mmdet.datasets.mnist_5k import load_digits, split_digits


@pytest.mark.parametrize('split', ['train', 'val'])
def test_a_string_is_its_digits_side_by_side(split):
    """At their own size nothing is resampled: each part is a digit of the split, and the class spells their labels."""
    digits, labels = split_digits(split)
    by_pixels = {digit.tobytes(): int(label) for digit, label in zip(digits, labels)}
    composer = DigitStringComposer(split, seed=3, side=28)
    for index in range(20):
        image, label = composer.compose(index)
        parts = [np.ascontiguousarray(image[:, 28 * place:28 * place + 28]) for place in range(3)]
        assert image.shape == (28, 84)
        assert int(''.join(str(by_pixels[part.tobytes()]) for part in parts)) == label


def test_the_same_number_gives_the_same_pixels_and_other_numbers_others():
    composer = DigitStringComposer(max_rotation=10, max_shear=10, max_shift=1)
    again = DigitStringComposer(max_rotation=10, max_shear=10, max_shift=1)
    assert np.array_equal(composer.compose(7)[0], again.compose(7)[0]) and composer.compose(7)[1] == again.compose(7)[1]
    images = {composer.compose(index)[0].tobytes() for index in range(50)}
    assert len(images) == 50 and composer.compose(0)[0].shape == (16, 48)
    assert composer.compose(7)[0].tobytes() != DigitStringComposer(seed=1).compose(7)[0].tobytes()


def test_classes_are_drawn_alike():
    labels = [DigitStringComposer(num_digits=1).compose(index)[1] for index in range(1000)]
    assert np.bincount(labels, minlength=10).min() > 60
    assert DigitStringComposer().num_classes == 1000


def test_a_turned_digit_keeps_its_ink():
    plain, turned = (DigitStringComposer(num_digits=1, side=28, max_rotation=angle).compose(4)[0].astype(float)
                     for angle in (0, 10))
    assert not np.array_equal(plain, turned) and turned.sum() == pytest.approx(plain.sum(), rel=0.05)


def test_items_are_what_mmpretrain_packs():
    pipeline = [dict(type='PackInputs', meta_keys=('img_id', 'sample_idx', 'ori_shape', 'img_shape'))]
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        strings = DATASETS.build(dict(type='dive_mmdet.DigitStringDataset', num_images=5, pipeline=pipeline))
        digits = DATASETS.build(dict(type='dive_mmdet.Mnist5kDataset', split='val', pipeline=pipeline))
    item = strings[4]
    image, label = DigitStringComposer().compose(4)
    assert (item['inputs'].numpy() == image[None]).all() and int(item['data_samples'].gt_label) == label
    assert len(strings) == 5 and strings.metainfo['classes'][7] == '007' and len(strings.metainfo['classes']) == 1000
    images, labels = load_digits()
    assert len(digits) == 1000
    for place in (0, 500, 999):
        assert (digits[place]['inputs'].numpy() == images[5 * place + 4]).all()
        assert int(digits[place]['data_samples'].gt_label) == labels[5 * place + 4]


def test_no_image_is_in_both_splits():
    train, val = (Mnist5kDataset(split) for split in ('train', 'val'))
    pixels = [{info['img'].tobytes() for info in map(data.get_data_info, range(len(data)))} for data in (train, val)]
    assert len(train) == 4000 and not pixels[0] & pixels[1]
    assert DigitStringDataset(3)[2]['img'].shape == (16, 48, 3)


def test_a_loop_ends_and_an_index_gives_its_image_again():
    """As mmpretrain's analyze_results.py asks for images by `sample_idx`, of some of them too."""
    pipeline = [dict(type='PackInputs', meta_keys=('img_id', 'sample_idx'))]
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        some = DATASETS.build(dict(type='dive_mmdet.DigitStringDataset', num_images=9, indices=[7, 2, 4],
                                   pipeline=pipeline))
    samples = [item['data_samples'] for item in some]
    assert [(sample.sample_idx, sample.img_id) for sample in samples] == [(0, 7), (1, 2), (2, 4)]
    assert [some.get_data_info(sample.sample_idx)['gt_label'] for sample in samples] == [
        DigitStringComposer().compose(place)[1] for place in (7, 2, 4)]
    assert some.CLASSES == some.metainfo['classes']
