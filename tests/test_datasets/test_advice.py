"""Each of a new user's first mistakes is named, with a cure that holds, and good data get no advice."""
import re
from types import SimpleNamespace

import numpy as np
import pytest

from dive_mmdet.datasets.advice import Layouts, advice, layouts_of, suggestions
from dive_mmdet.hooks import AdviceHook


def layouts(count=600, side=0.2, classes=('a', 'b'), labels=None) -> Layouts:
    labels = np.arange(count) % len(classes) if labels is None else np.array(labels)
    return Layouts(np.full((len(labels), 2), side), labels, [10] * (len(labels) // 10), classes)


@pytest.mark.parametrize('case, sentence', [
    (layouts(), None),
    (layouts(499), 'There are 499 boxes, .* annotate more, or let `flip` and `crop`'),
    (layouts(classes=('a',)), 'There is one class'),
    (layouts(labels=[0] * 600 + [1] * 29), r'Of b \(29\) there are less than a twentieth'),
    (layouts(labels=[0] * 600 + [1] * 30), None),
    (layouts(side=0.0626), None),
    (layouts(side=0.05), '^100 % of the boxes are narrower than 6 pixels in images of 96 x 96, .* image_size to 120')])
def test_sentences_stand_where_they_should(case, sentence):
    said = advice(case, 96)
    if sentence is None:
        assert said == []
    else:
        assert len(said) == 1
        assert re.match(sentence, said[0])


def test_the_recommended_size_is_large_enough():
    rng = np.random.default_rng(0)
    case = layouts()
    case.sides[:] = rng.uniform(0.03, 0.3, case.sides.shape)
    size = int(advice(case, 64)[0].split('image_size to ')[1].split(',')[0])
    assert size % 8 == 0 and not advice(case, size) and advice(case, size - 8)


def test_layouts_are_those_of_the_annotations():
    instances = [dict(bbox=[0, 0, 20, 10], bbox_label=1, ignore_flag=0), dict(bbox=[0, 0, 9, 9], bbox_label=0,
                                                                             ignore_flag=1)]
    infos = [dict(width=40, height=20, instances=instances), dict(width=40, height=20, instances=[])]
    dataset = type('Dataset', (), dict(__len__=lambda self: 2, get_data_info=lambda self, index: infos[index],
                                       metainfo=dict(classes=['a', 'b'])))()
    found = layouts_of(dataset)
    assert found.sides.tolist() == [[0.5, 0.5]] and found.labels.tolist() == [1] and found.counts == [1, 0]
    assert suggestions(found) == dict(num_objects=1, sides=(0.5, 0.5))


def test_a_check_near_chance_is_explained_in_the_second_half_alone():
    said = []
    runner = SimpleNamespace(iter=40, max_iters=100, logger=SimpleNamespace(warning=said.append))
    metrics = {'conditioning/win_rate_shifted': 52.0, 'conditioning/win_rate_class_swapped': 90.0}
    AdviceHook(96).after_val_epoch(runner, metrics)
    assert said == []
    runner.iter = 50
    AdviceHook(96).after_val_epoch(runner, metrics)
    assert len(said) == 1 and '(shifted) in 52 % of the images' in said[0] and 'raise image_size' in said[0]
    AdviceHook(96).after_val_epoch(runner, None)
    assert len(said) == 1
