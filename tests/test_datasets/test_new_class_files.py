"""Scenes with a few boxes of a new digit, read back from their files."""
import json

import cv2
import numpy as np
import pytest

from dive_mmdet.datasets import DigitSceneComposer, new_class_files

CLASSES = ['0', '1', '2', '3', '5', '6', '7', '8', '9', '4']


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp('scenes')
    new_class_files.make(out, '4', dict(few=6, calib=4, test=8), dict(few={'few_1': 1}, test={}, calib={}))
    return out


def labels(folder, name):
    """Digits of every image."""
    content = json.loads((folder / f'{name}.json').read_text())
    names = {category['id']: category['name'] for category in content['categories']}
    assert list(names.values()) == CLASSES
    return [[names[item['category_id']] for item in content['annotations'] if item['image_id'] == image['id']]
            for image in content['images']]


def test_parts_have_as_many_boxes_as_said(folder):
    assert [found.count('4') for found in labels(folder, 'few')] == [1] * 6
    assert labels(folder, 'few_1') == labels(folder, 'few')[:1]
    assert [found.count('4') > 0 for found in labels(folder, 'test')] == [True, False] * 4
    assert [found.count('4') for found in labels(folder, 'calib')] == [0] * 4


def test_labels_are_those_of_the_composed_scene(folder):
    """The image is looked for among the first scenes of its seed."""
    image = cv2.imread(str(folder / 'test/000001.png'), cv2.IMREAD_GRAYSCALE)
    composer = DigitSceneComposer('val', new_class_files.TEST_SEED)
    scene = next(scene for scene in map(composer.compose, range(50)) if np.array_equal(scene[0], image))
    assert [str(label) for label in scene[2]] == labels(folder, 'test')[1]


def test_a_new_class_must_be_a_digit(tmp_path):
    with pytest.raises(ValueError, match="'x' is no digit"):
        new_class_files.make(tmp_path, 'x')
