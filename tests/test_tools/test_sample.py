"""What is asked of `tools/sample.py`, and what it draws above the images."""
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def tool():
    import sample
    return sample


def asked(**changes):
    return Namespace(**dict(dict(layout=None, classes=None, count=4), **changes))


STRINGS = Config(dict(train_dataloader=dict(dataset=dict(type='dive_mmdet.DigitStringDataset', num_images=9,
                                                         composer=dict(split='train')))))
OF_CLASSES, OF_LAYOUTS = (SimpleNamespace(vocabulary=SimpleNamespace(has_objects=has)) for has in (False, True))


def test_classes_are_given_by_name_or_taken_from_training_data(tool):
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        ids, names = tool.conditions(OF_CLASSES, STRINGS, asked(classes='042 999 000'))
        assert ids.tolist() == [[42], [999], [0]] and names[42] == '042'
        from dive_mmdet.datasets import DigitStringComposer
        ids, _ = tool.conditions(OF_CLASSES, STRINGS, asked())
        assert ids[:, 0].tolist() == [DigitStringComposer(split='train').compose(index)[1] for index in range(4)]


@pytest.mark.parametrize('generator, changes, sentence', [
    (OF_CLASSES, dict(classes='042 42'), "Class '42' is none of 000, 001, 002, ..., 999."),
    (OF_CLASSES, dict(classes=' '), "Class '' is none of"),
    (OF_CLASSES, dict(layout='1: 0 0 2 2'), 'draws classes: give --classes, not --layout'),
    (OF_LAYOUTS, dict(classes='1'), 'draws layouts: give --layout, not --classes'),
])
def test_what_cannot_be_drawn_is_said_in_a_sentence(tool, generator, changes, sentence):
    with DefaultScope.overwrite_default_scope('mmpretrain'), pytest.raises(ValueError, match=sentence):
        tool.conditions(generator, STRINGS, asked(**changes))


def test_the_picture_shows_the_images_below_their_names(tool):
    images = torch.full((2, 3, 4, 12), -1.0)
    images[1] = 1.0
    names = ('000', '001')
    sheet = np.asarray(tool.picture(images, [tool.class_panel(torch.tensor([k]), (36, 12), names) for k in (0, 1)]))
    assert sheet.shape == (28, 80, 3)
    assert not sheet[16:, :36].any() and (sheet[16:, 40:76] == 255).all()
    assert 0 < (sheet[:12, :36] > 128).sum() < sheet[:12, :36].size / 2
