"""AP class by class, by hand on two images."""
import json

import pytest

from dive_mmdet.analysis.class_ap import class_ap, images_without, new_class, objects

CLASSES = ('a', 'b', 'new')
A, B, NEW = [0.0, 0.0, 10.0, 10.0], [20.0, 20.0, 40.0, 30.0], [50.0, 50.0, 60.0, 60.0]


@pytest.fixture
def annotations(tmp_path):
    boxes = [(0, 0, A), (0, 2, NEW), (1, 0, A), (1, 1, B)]
    items = [dict(id=index + 1, image_id=image, category_id=label, iscrowd=0, area=100,
                  bbox=[box[0], box[1], box[2] - box[0], box[3] - box[1]])
             for index, (image, label, box) in enumerate(boxes)]
    content = dict(images=[dict(id=image, file_name=f'{image}.png', width=64, height=64) for image in (0, 1)],
                   annotations=items, categories=[dict(id=label, name=name) for label, name in enumerate(CLASSES)])
    (tmp_path / 'truth.json').write_text(json.dumps(content))
    return str(tmp_path / 'truth.json')


def test_each_class_is_judged_alone(annotations):
    """`a` is found on one image of two, `b` as `new`, and `new` is behind a mistake of its own."""
    found = {0: [(A, 0.9, 0), (NEW, 0.5, 2)], 1: [(B, 0.8, 2)]}
    scores = class_ap(found, annotations, CLASSES)
    half = 51 / 101  # recall reaches a half: 51 of COCO's 101 points
    assert [scores[name]['bbox_mAP_50'] for name in CLASSES] == pytest.approx([half, 0, 0.5], abs=1e-3)


def test_the_others_are_judged_on_images_without_the_class_too(annotations):
    found = {0: [(NEW, 0.5, 2)], 1: [(A, 0.9, 0), (B, 0.8, 1), (B, 0.3, 2)]}
    nothing = new_class({0: [], 1: found[1][:2]}, annotations, CLASSES, 'new')
    assert nothing.own['bbox_mAP'] == 0 and nothing.elsewhere['bbox_mAP'] == pytest.approx(1)
    new = new_class(found, annotations, CLASSES, 'new')
    assert new.own['bbox_mAP'] == pytest.approx(1) and (new.images, new.seen) == (1, 0)
    assert new.others['bbox_mAP'] == pytest.approx((51 / 101 + 1) / 2, abs=1e-3)
    assert new.elsewhere['bbox_mAP'] == pytest.approx(1)
    found[1][2] = (B, 0.81, 2)
    assert new_class(found, annotations, CLASSES, 'new').seen == 1


def test_a_box_counts_once_with_its_best_label(annotations):
    assert objects([(A, 0.2, 0), (A, 0.7, 1), (B, 0.5, 0)]) == {(tuple(A), 1), (tuple(B), 0)}
    assert objects([(A, 0.2, 0), (A, 0.7, 1), (B, 0.5, 0)], 0.6) == {(tuple(A), 1)}
    assert images_without(annotations, 'new', [0, 1]) == [1]


def test_a_class_that_is_none_is_told(annotations):
    with pytest.raises(ValueError, match="'c' is none of the classes a, b, new: name one"):
        new_class({0: [], 1: []}, annotations, CLASSES, 'c')
