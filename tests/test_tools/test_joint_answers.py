"""The comparison of joint and single answers, on numbers that a person can check and on shipped weights."""
import json
import sys

import joint_answers
import torch
from helpers.painting import PaintingGenerator
from joint_answers import best_alike, compare, touching

from dive_mmdet.inversion.meter import Meter
from dive_mmdet.inversion.search.state import SearchState


def test_agreement_by_hand():
    groups = torch.tensor([0, 0, 1, 1])
    joint, single = torch.tensor([1.0, 2.0, -1.0, -2.0]), torch.tensor([1.0, 2.0, -2.0, 1.0])
    assert best_alike(groups, joint, single) == 50
    found = compare(joint, single, groups)
    assert found['questions'] == 4 and found['same_sign'] == 75
    torch.testing.assert_close(found['correlation'], 5 / (10 * 9) ** 0.5)


def test_boxes_that_meet_are_touching():
    generator = PaintingGenerator(num_objects=4)
    layout = generator.layout((0, 1, 1, 5, 5), (1, 5, 2, 9, 6), (2, 11, 11, 15, 15))
    posterior = generator.posterior([layout])
    state = SearchState(posterior, Meter(posterior, float('inf'), torch.zeros_like), torch.arange(1), layout[None],
                        object_cost=0.0, pairs=1)
    assert touching(state).tolist() == [True, True, False, False]


def test_the_tool_reports_every_question_of_every_object(tiny_detector, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['', str(tiny_detector / 'config.py'), str(tiny_detector / 'weights.pth'),
                                      '--images', '3', '--pairs', '2'])
    joint_answers.main()
    out = capsys.readouterr().out
    report = json.loads(out[out.index('{'):])
    assert report['images'] == report['objects'] == 3
    assert report['classes']['apart']['questions'] == 3 * 9 and report['classes']['touching']['questions'] == 0
    # One object an image has nothing to share its evaluations with.
    assert report['classes']['evaluations_joint'] == report['classes']['evaluations_single'] == 3 * 9 * 2
