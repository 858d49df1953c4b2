"""Costs chosen from energies made by hand, and the energies of a tiny detector asked one by one."""
import pytest
import torch
from mmengine.config import Config

from dive_mmdet.analysis.annotated import load
from dive_mmdet.analysis.costs import Answers, ask, best_costs, merge_two, split_one, wrong_by_one
from dive_mmdet.layout import LayoutTokenizer, LayoutVocabulary


def answers(*rows: tuple[str, float, float, int]) -> Answers:
    kinds, likelihood, prior, objects = zip(*rows)
    return Answers(list(kinds), *(torch.tensor(values, dtype=torch.float64) for values in (likelihood, prior)),
                   torch.tensor(objects))


def test_an_object_costs_more_than_nothing_brings_and_less_than_an_object_brings():
    """Without an object the energy rises by 4 or 6, with one more it falls by 1: any cost in (1, 4) notices all."""
    found = best_costs(answers(('dropped', 4, 0, -1), ('dropped', 6, 0, -1), ('extra', -1, 0, 1)))
    assert 1 < found.object_cost < 4 and found.prior_weight == 0


def test_kinds_count_alike_however_often_they_were_asked():
    """Nine objects bring 1 and one extra object 2: all of the one kind or all of the other, or one of ten lost."""
    rows = [('dropped', 1, 0, -1)] * 9 + [('dropped', 9, 0, -1)] + [('extra', -2, 0, 1)] * 2 + [('extra', -0.5, 0, 1)]
    found = best_costs(answers(*rows))
    assert 0.5 < found.object_cost < 1  # 1 + 1/3 of two kinds, where a cost above 2 has 0.1 + 1
    rows[-1] = ('extra', -2, 0, 1)
    assert 2 < best_costs(answers(*rows)).object_cost < 9


def test_the_prior_weighs_just_as_much_as_it_helps():
    """By the likelihood resized boxes are a little better; by the prior they are worse, and so is a dropped object."""
    rows = [('dropped', 4, -1, -1), ('extra', -1, 2, 1), ('grown', -1, 1, 0), ('shifted', 3, 0, 0)]
    found = best_costs(answers(*rows))
    assert 1 < found.prior_weight < 4
    assert all(share == 1 for share in answers(*rows).noticed(*found).values())
    useless = [(kind, likelihood, 0.001 * number, objects) for number, (kind, likelihood, _, objects) in enumerate(
        [('dropped', 4, 0, -1), ('extra', -1, 0, 1), ('shifted', 3, 0, 0)])]
    assert best_costs(answers(*useless)).prior_weight == 0


def tokens(**changes) -> LayoutTokenizer:
    return LayoutTokenizer(LayoutVocabulary(**dict(dict(num_classes=2, num_objects=4, grid=17), **changes)))


def test_halves_of_an_object_fill_its_box():
    tokenizer = tokens()
    layout = tokenizer.decode(split_one(tokenizer.encode([[0.25, 0.0, 0.5, 1.0]], [1]), tokenizer, torch.Generator()))
    assert layout.boxes.tolist() == [[0.25, 0.0, 0.5, 0.5], [0.25, 0.5, 0.5, 1.0]] and layout.labels.tolist() == [1, 1]
    thin = tokenizer.encode([[0.0, 0.0, 1 / 16, 1 / 16]], [0])
    assert torch.equal(split_one(thin, tokenizer, torch.Generator()), thin)


def test_the_nearest_two_become_one():
    tokenizer = tokens()
    boxes = [[0.0, 0.0, 0.25, 0.25], [0.75, 0.75, 1.0, 1.0], [0.25, 0.25, 0.5, 0.375]]
    ids = tokenizer.encode(boxes, [0, 1, 0])
    found = {tuple(box) for seed in range(10) for box in tokenizer.decode(
        merge_two(ids, tokenizer, torch.Generator().manual_seed(seed))).boxes.tolist()}
    assert found - set(map(tuple, boxes)) == {(0.0, 0.0, 0.5, 0.375), (0.25, 0.25, 1.0, 1.0)}
    alone = tokenizer.encode(boxes[:1], [0])
    assert torch.equal(merge_two(alone, tokenizer, torch.Generator()), alone)


def test_one_thing_is_wrong():
    tokenizer = tokens()
    ids = tokenizer.encode([[0.0, 0.0, 0.25, 0.25], [0.5, 0.5, 1.0, 0.75]], [0, 1])
    found = wrong_by_one(ids, tokenizer, torch.Generator().manual_seed(0), 1 / 16)
    assert list(found) == ['dropped', 'extra', 'shifted', 'split', 'merged', 'class_swapped', 'shrunk', 'grown']
    objects, before = ({kind: {tuple(o) for o in tokenizer.vocabulary.objects(layout).tolist()}
                        for kind, layout in layouts.items()} for layouts in (found, dict(true=ids)))
    assert all(len(before['true'] & others) >= 2 for kind, others in objects.items() if kind != 'merged')  # one is none
    assert 'class_swapped' not in wrong_by_one(ids, tokens(num_classes=1, grid=17), torch.Generator(), 1 / 16)


def test_energies_are_those_of_single_questions(tiny_detector):
    config = Config.fromfile(tiny_detector / 'config.py')
    config.test_dataloader.dataset.max_images = 2
    model, latents, ids, contents = load(config, str(tiny_detector / 'weights.pth'))
    found = ask(model, latents, ids, list(contents), times=1)
    number = 0
    for image in range(2):
        wrong = wrong_by_one(ids[image], model.backbone.tokenizer, torch.Generator().manual_seed(list(contents)[image]),
                             4 / 64)
        for kind, layout in wrong.items():
            rows = model.backbone.embed(torch.stack([ids[image], layout]))
            true, energy = model.likelihood.energy(latents[[image, image]], rows).tolist()
            unlikely = model.prior.energy(rows).tolist()
            assert found.kinds[number] == kind
            assert float(found.likelihood[number]) == pytest.approx(energy - true, abs=1e-6)
            assert float(found.prior[number]) == pytest.approx(unlikely[1] - unlikely[0], abs=1e-5)
            assert int(found.objects[number]) == dict(dropped=-1, merged=-1, extra=1, split=1).get(kind, 0)
            number += 1
    assert number == len(found.kinds)
