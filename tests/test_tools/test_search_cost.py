"""Painted scenes, what searching them costs, and the plot of it."""
import json
import sys
from pathlib import Path

import pytest
import torch

from dive_mmdet.analysis.painted_scenes import colours_of, random_boxes, random_layouts
from dive_mmdet.analysis.painting import Painting
from dive_mmdet.analysis.search_cost import found_part, measured_cost, planned_cost
from dive_mmdet.engine.configured import load_config
from dive_mmdet.layout import LayoutTokenizer, LayoutVocabulary

LAYOUT2IMG = str(Path(__file__).resolve().parents[2] / 'configs/dive/layout2img/dive_layout2img_{}.py')


def test_colours_of_modifiers_are_those_of_categories_changed_alike():
    """Ids are category + C x bits."""
    colours = colours_of(3, 2, 4, torch.Generator().manual_seed(0)).view(4, 3, 4)     # bits, categories, channels
    changes = colours - colours[0]
    torch.testing.assert_close(changes, changes[:, :1].expand(-1, 3, -1))
    torch.testing.assert_close(changes[3], changes[1] + changes[2])
    assert float(colours[0].min()) >= 0.5 and float(colours[0].max()) <= 1.5
    assert float(changes[1].abs().max()) > 0.01


@pytest.mark.parametrize('count', [1, 10, 32])
def test_boxes_of_a_scene_do_not_overlap(count):
    boxes = random_boxes(count, (0.1, 0.9), 64, torch.Generator().manual_seed(count))
    covered = torch.zeros(64, 64, dtype=torch.long)
    for x0, y0, x1, y1 in boxes:
        assert 0 <= x0 < x1 <= 64 and 0 <= y0 < y1 <= 64
        covered[y0:y1, x0:x1] += 1
    assert len(boxes) == count and int(covered.max()) == 1


def test_a_scene_depends_on_its_seed_alone():
    vocabulary = LayoutVocabulary(5, 6, grid=33)
    one, same, other = (random_layouts(vocabulary, 2, 4, (0.1, 0.3), seed) for seed in (3, 3, 4))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert vocabulary.is_present(one).sum(dim=1).tolist() == [4, 4]


def test_a_painting_in_shared_ids_is_its_boxes():
    """Ids of classes are ids of corners too, as in the published tables."""
    vocabulary = LayoutVocabulary(3, 2, num_tokens=82, shared_ids=True, encode_crop=True)
    colours = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    painting = Painting(vocabulary, colours, size=8)
    ids = LayoutTokenizer(vocabulary).encode(torch.tensor([[0.0, 0.0, 0.5, 1.0], [0.5, 0.25, 1.0, 0.5]]),
                                             torch.tensor([0, 2]))
    expected = torch.zeros(2, 8, 8)
    expected[:, :, :4] += colours[0][:, None, None]
    expected[:, 2:4, 4:] += colours[2][:, None, None]
    assert torch.equal(painting.paint(painting.embed(ids[None]))[0], expected)


def test_found_are_objects_with_the_right_label_near_their_place():
    vocabulary = LayoutVocabulary(4, 3, grid=9, answers=[[0, 2], [1, 3]])
    encode = LayoutTokenizer(vocabulary).encode
    boxes = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0], [0.5, 0.0, 1.0, 0.25]])
    near = boxes + torch.tensor([[0.0, 0, 0.125, 0], [0, 0, 0, 0], [0, 0, 0, 0.75]])
    true, found = encode(boxes, torch.tensor([0, 1, 1])), encode(near, torch.tensor([2, 0, 1]))
    assert found_part(vocabulary, found[None], true[None]) == pytest.approx(1 / 3)
    assert found_part(vocabulary, vocabulary.empty()[None], true[None]) == 0.0
    assert found_part(vocabulary, true[None], true[None]) == 1.0


def test_what_is_measured_is_what_was_asked_of_the_generator():
    vocabulary = LayoutVocabulary(20, 4, grid=17)
    painter = Painting(vocabulary, colours_of(20, 0, 3, torch.Generator().manual_seed(0)), 16)
    inverter = dict(type='dive_mmdet.LayoutInverter', anchors=dict(scales=[0.25, 0.4], ratios=[1.0]), max_nfe=900,
                    classes=dict(shortlist=dict(size=5)))
    cost = measured_cost(inverter, dict(num_pairs=4, low=300, high=900, precision='bfloat16'), painter,
                         random_layouts(vocabulary, 2, 2, (0.25, 0.4)))
    assert painter.evaluations == int(cost.nfe.sum()) + cost.shared_nfe
    assert int(cost.nfe.max()) <= 900 and cost.found > 0


@pytest.mark.parametrize('data, bound', [('coco-zero-shot', 3000), ('openimages', 5000)])
def test_ten_objects_cost_what_the_configs_promise(data, bound):
    """On scenes that are painted in closed form, with the vocabulary and the settings of the config."""
    model = load_config(LAYOUT2IMG.format(data)).model
    nfe = planned_cost(model, (3, 64, 64), objects=10, images=2).nfe
    assert float(nfe.float().mean()) <= bound and int(nfe.max()) <= model.inverter.max_nfe


def test_growth_is_measured_once_and_drawn(monkeypatch, tmp_path, capsys):
    from search_growth import main
    arguments = ['--images', '1', '--objects', '2', '--classes', '--out', str(tmp_path)]
    for _ in range(2):
        monkeypatch.setattr(sys, 'argv', ['search_growth.py', *arguments])
        main()
    report = json.loads((tmp_path / 'report.json').read_text())
    assert [(row['objects'], row['classes'], len(row['nfe'])) for row in report] == [(2, 10, 1)]
    assert capsys.readouterr().out.count('"objects"') == 1 and (tmp_path / 'search_growth.png').stat().st_size > 1000
