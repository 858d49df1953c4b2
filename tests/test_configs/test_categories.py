"""The vocabulary of the published layout model against COCO's and OpenImages' own class lists."""
from pathlib import Path

import pytest
import torch
from helpers.published_tokens import build_tokens
from mmdet.datasets import CocoDataset
from mmdet.evaluation import get_classes
from mmengine.config import Config

from dive_mmdet.layout import LayoutTokenizer, LayoutVocabulary

OPEN_IMAGES = get_classes('oid_v6')


@pytest.fixture(scope='module')
def data():
    return Config.fromfile(Path(__file__).parents[2] / 'configs/_base_/categories/layout2img_openimages.py')


def test_all_80_classes_of_coco_have_a_category_of_their_own(data):
    assert tuple(data.coco_categories) == CocoDataset.METAINFO['classes']
    assert len(set(data.coco_categories.values())) == 80
    assert [data.layout_names[category] for category, in data.coco_answers] == list(data.coco_categories.values())


def test_categories_and_merges_are_names_of_open_images(data):
    assert set(data.layout_names) <= set(OPEN_IMAGES) and len(set(data.layout_names)) == 340
    assert set(data.merged_categories) <= set(OPEN_IMAGES) - set(data.layout_names)
    assert set(data.merged_categories.values()) <= set(data.layout_names)
    # A name that COCO has too is never merged away; OpenImages' mouse is the animal.
    alike = {name for name in OPEN_IMAGES if name.lower() in data.coco_categories} - {'Mouse'}
    assert alike == {name for coco, name in data.coco_categories.items() if coco == name.lower()} and len(alike) == 65


def test_ids_are_sorted_as_strings_and_the_suitcase_is_last(data):
    ids = list(data.layout_categories)
    assert ids[:-1] == sorted(ids[:-1]) and data.layout_names[-1] == 'Suitcase'


def test_ids_belong_to_their_names(data):
    """mmdet lists the names in the order of OpenImages' file, which sorts ids as if they had no underscore."""
    by_id = sorted(data.layout_categories, key=lambda machine_id: machine_id.replace('_', ''))
    assert [data.layout_categories[machine_id] for machine_id in by_id] == sorted(data.layout_names,
                                                                                  key=OPEN_IMAGES.index)


def test_the_vocabulary_is_the_published_one(data):
    """Class ids as the original builder makes them, every modifier within the table."""
    vocabulary = LayoutVocabulary(**data.layout_vocabulary)
    assert (vocabulary.length, vocabulary.grid, vocabulary.none) == (92, 90, 8191)
    flags = dict(is_group_of=True, is_occluded=True, is_depiction=True, is_inside=True)
    ids = build_tokens(LayoutTokenizer(vocabulary), [dict(bbox=(0, 0, 1, 1), category_no=339, **flags)])
    assert int(ids[0]) == 339 + 340 * 15 and ids[-2:].tolist() == [0, 8099]


def test_answers_are_labels_of_coco(data):
    vocabulary = LayoutVocabulary(**data.layout_vocabulary, answers=data.coco_answers)
    assert vocabulary.num_labels == vocabulary.num_class_ids == 80
    labels = torch.arange(80)
    found = vocabulary.class_labels[vocabulary.class_places(vocabulary.categories(labels))]
    assert found.tolist() == labels.tolist()
    cow = CocoDataset.METAINFO['classes'].index('cow')
    assert data.layout_names[int(vocabulary.categories(labels[cow:cow + 1]))] == 'Cattle'
