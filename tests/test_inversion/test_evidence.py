"""What an object is worth, against layouts written down without it or with another class."""
import pytest
import torch
from painting import PaintingGenerator, TiltedPrior

from dive_mmdet.inversion.evidence import class_margin, object_evidence, remove

GREYS = (0.5, 0.75, 1.25, 2.5)
SCENES = [[(0, 1, 1, 7, 7)], [(3, 8, 2, 15, 6), (1, 2, 9, 6, 16), (2, 9, 9, 16, 15)], []]
FOUND = [[(1, 1, 2, 7, 7)], SCENES[1], [(0, 3, 3, 9, 9), (2, 1, 10, 5, 14)]]


@pytest.fixture
def found():
    """A generator, the objective for the scenes, and layouts more or less wrong about them, with their energies."""
    generator = PaintingGenerator(greys=GREYS)
    posterior = generator.posterior([generator.layout(*scene) for scene in SCENES], prior=TiltedPrior((9, 4)),
                                    prior_weight=0.05)
    ids = torch.stack([generator.layout(*scene) for scene in FOUND])
    return generator, posterior, ids, posterior.energy(torch.arange(3), ids)


def replaced(posterior, generator, image, ids, slot, token):
    """Energy with one triple written anew."""
    other = ids.clone()
    if token == generator.vocabulary.none:
        other[3 * slot:3 * slot + 3] = token
    else:
        other[3 * slot] = token
    return float(posterior.energy(torch.tensor([image]), other[None]))


def test_evidence_is_the_energy_of_the_layout_without_the_object(found):
    generator, posterior, ids, energy = found
    evidence = object_evidence(posterior, ids, energy)
    expected = torch.zeros(3, 3)
    for image, scene in enumerate(FOUND):
        for slot in range(len(scene)):
            expected[image, slot] = replaced(posterior, generator, image, ids[image], slot,
                                             generator.vocabulary.none) - float(energy[image])
    torch.testing.assert_close(evidence, expected, rtol=1e-4, atol=1e-6)
    assert float(evidence[1].min()) > 0 > float(evidence[2, :2].max())
    assert evidence[0, 1:].tolist() == [0, 0] and evidence[2, 2] == 0


def test_evidence_of_a_perfect_painting_is_the_ink_that_would_be_missing(found):
    generator, _, ids, _ = found
    posterior = generator.posterior([generator.layout(*scene) for scene in SCENES])
    evidence = object_evidence(posterior, ids, posterior.energy(torch.arange(3), ids))
    ink = [GREYS[label] ** 2 * (x1 - x0) * (y1 - y0) / 16 ** 2 for label, x0, y0, x1, y1 in SCENES[1]]
    torch.testing.assert_close(evidence[1], torch.tensor(ink), rtol=1e-4, atol=0)


def test_margin_is_the_best_other_class_of_all(found):
    generator, posterior, ids, energy = found
    margin = class_margin(posterior, ids, energy)
    classes = generator.vocabulary.class_ids.tolist()
    expected = torch.zeros(3, 3)
    for image, scene in enumerate(FOUND):
        for slot, (label, *_) in enumerate(scene):
            others = [replaced(posterior, generator, image, ids[image], slot, token)
                      for index, token in enumerate(classes) if index != label]
            expected[image, slot] = min(others) - float(energy[image])
    torch.testing.assert_close(margin, expected, rtol=1e-4, atol=1e-6)
    assert float(margin[0, 0]) < 0 < float(margin[1].min())  # class 0 is true where class 1 was found


@pytest.mark.parametrize('count', [1, 2, 3, 9])
def test_few_candidates_are_those_nearest_in_the_table(found, count):
    """Rows differ in grey alone, so nearness is nearness of grey."""
    generator, posterior, ids, energy = found
    margin = class_margin(posterior, ids, energy, count)
    classes = generator.vocabulary.class_ids.tolist()
    for image, scene in enumerate(FOUND):
        for slot, (label, *_) in enumerate(scene):
            order = sorted((i for i in range(4) if i != label), key=lambda i: abs(GREYS[i] - GREYS[label]))[:count]
            best = min(replaced(posterior, generator, image, ids[image], slot, classes[i]) for i in order)
            assert abs(float(margin[image, slot]) - (best - float(energy[image]))) < 1e-6


def test_without_objects_there_is_nothing_to_weigh(found):
    generator, posterior, ids, energy = found
    empty = generator.vocabulary.empty().repeat(3, 1)
    before = generator.evaluations
    assert object_evidence(posterior, empty, energy).tolist() == [[0] * 3] * 3
    assert class_margin(posterior, empty, energy).tolist() == [[0] * 3] * 3
    assert generator.evaluations == before


def test_a_single_class_has_no_rival():
    generator = PaintingGenerator(greys=(1.0,))
    ids = generator.layout((0, 1, 1, 7, 7))[None]
    posterior = generator.posterior([ids[0]])
    assert class_margin(posterior, ids, torch.zeros(1)).tolist() == [[float('inf'), 0, 0]]


def test_removing_leaves_the_rest_and_the_original_alone(found):
    generator, posterior, ids, _ = found
    before = ids.clone()
    without = remove(posterior, ids[[1, 1, 0]], torch.tensor([0, 2, 0]))
    assert torch.equal(ids, before)
    none = [generator.vocabulary.none] * 3
    assert without[0].tolist() == none + ids[1, 3:].tolist()
    assert without[1].tolist() == ids[1, :6].tolist() + none
    assert torch.equal(without[2], generator.vocabulary.empty())
