"""AP lost by cause, on detections whose faults were put there one at a time."""
import json

import pytest

from dive_mmdet.analysis.lost_ap import CAUSES, lost_ap

CLASSES = ('a', 'b')
TRUTH = {1: [((0, 0, 20, 20), 0), ((30, 30, 50, 50), 1)], 2: [((10, 10, 30, 40), 0)]}


@pytest.fixture
def ann_file(tmp_path):
    boxes = [(image, box, label) for image, objects in TRUTH.items() for box, label in objects]
    annotations = [dict(id=place + 1, image_id=image, category_id=label + 5, iscrowd=0, area=(x1 - x0) * (y1 - y0),
                        bbox=[x0, y0, x1 - x0, y1 - y0])
                   for place, (image, (x0, y0, x1, y1), label) in enumerate(boxes)]
    images = [dict(id=image, file_name=f'{image}.png', width=64, height=64) for image in TRUTH]
    categories = [dict(id=place + 5, name=name) for place, name in enumerate(CLASSES)]
    path = tmp_path / 'annotations.json'
    path.write_text(json.dumps(dict(images=images, annotations=annotations, categories=categories)))
    return str(path)


def true_detections():
    """Every object with both classes, the true one far ahead."""
    return {image: [(box, score, found) for box, label in objects for found, score in ((label, 0.9), (1 - label, 0.1))]
            for image, objects in TRUTH.items()}


def faulty(cause):
    found = true_detections()
    if cause == 'missed':
        found[1] = found[1][2:]
    elif cause == 'class':
        found[1][2:] = [(box, score, 1 - label) for box, score, label in found[1][2:]]
    elif cause == 'box':
        found[2] = [((10, 10, 30, 36), score, label) for _, score, label in found[2]]
    elif cause == 'extra':
        found[2].append(((40, 0, 60, 20), 0.95, 0))
    return found


def test_a_perfect_run_loses_nothing(ann_file):
    lost = lost_ap(true_detections(), ann_file, CLASSES)
    assert lost.objects == 3 and not any(lost.counts.values()) and lost.scores['bbox_mAP'] == pytest.approx(1)


@pytest.mark.parametrize('cause', CAUSES)
def test_a_fault_is_named_and_mending_it_mends_the_run(cause, ann_file):
    lost = lost_ap(faulty(cause), ann_file, CLASSES)
    assert lost.counts == {**dict.fromkeys(CAUSES, 0), cause: 1} and lost.scores['bbox_mAP'] < 0.99
    for mended in CAUSES:
        expected = 1 if mended == cause else lost.scores['bbox_mAP']
        assert lost.mended[mended]['bbox_mAP'] == pytest.approx(expected), mended


def test_all_faults_at_once_are_mended_together(ann_file):
    found = faulty('extra')
    found[1] = faulty('class')[1][2:]
    found[2][:2] = faulty('box')[2]
    lost = lost_ap(found, ann_file, CLASSES)
    assert lost.counts == dict.fromkeys(CAUSES, 1) and lost.mended['all']['bbox_mAP'] == pytest.approx(1)


def test_an_image_without_detections_is_judged(ann_file):
    lost = lost_ap({1: [], 2: true_detections()[2]}, ann_file, CLASSES)
    assert lost.counts['missed'] == 2 and lost.mended['missed']['bbox_mAP'] == pytest.approx(1)
