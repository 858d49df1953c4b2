"""What an object is worth, against layouts written down without it or with another class."""
import json

import pytest
import torch
from helpers.painting import PaintingGenerator, TiltedPrior

from dive_mmdet.inversion.evidence import class_evidence, conclude, remove
from dive_mmdet.inversion.trace import Trace
from dive_mmdet.structures import Inversion

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


def test_evidence_of_a_class_is_the_energy_without_the_object_minus_that_with_it(found):
    generator, posterior, ids, energy = found
    by_class, answer = class_evidence(posterior, ids), conclude(posterior, ids, Trace(posterior))
    classes, none = generator.vocabulary.class_ids.tolist(), generator.vocabulary.none
    expected, own = torch.zeros(3, 3, 4), torch.zeros(3, 3)
    for image, scene in enumerate(FOUND):
        for slot in range(len(scene)):
            without, *with_each = [replaced(posterior, generator, image, ids[image], slot, token)
                                   for token in [none, *classes]]
            expected[image, slot] = without - torch.tensor(with_each)
            own[image, slot] = without - float(energy[image])
    torch.testing.assert_close(by_class, expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(answer.class_evidence, by_class, rtol=0, atol=0)
    torch.testing.assert_close(answer.evidence, own, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(answer.energy, energy, rtol=0, atol=0)
    assert torch.equal(answer.ids, ids) and torch.equal(answer.nfe, posterior.nfe)
    assert float(own[1].min()) > 0 > float(own[2, :2].max())
    assert int(by_class[0, 0].argmax()) == 0  # class 0 is true where class 1 was found


def test_evidence_of_a_perfect_painting_is_the_ink_that_would_be_missing(found):
    generator, _, ids, _ = found
    posterior = generator.posterior([generator.layout(*scene) for scene in SCENES])
    evidence = conclude(posterior, ids, Trace(posterior)).evidence
    ink = [GREYS[label] ** 2 * (x1 - x0) * (y1 - y0) / 16 ** 2 for label, x0, y0, x1, y1 in SCENES[1]]
    torch.testing.assert_close(evidence[1], torch.tensor(ink), rtol=1e-4, atol=0)


def test_without_objects_there_is_nothing_to_weigh(found):
    generator, posterior, _, _ = found
    empty = generator.vocabulary.empty().repeat(3, 1)
    posterior.energy(torch.arange(3), empty)
    before = generator.evaluations
    answer = conclude(posterior, empty, Trace(posterior))
    assert answer.evidence.tolist() == [[0] * 3] * 3
    assert answer.class_evidence.tolist() == [[[0] * 4] * 3] * 3
    assert generator.evaluations == before


def test_what_is_written_of_an_image_is_read_again(found):
    _, posterior, ids, _ = found
    answer = conclude(posterior, ids, Trace(posterior))
    for image, plain in enumerate(answer.per_image()):
        again = Inversion.from_plain(json.loads(json.dumps(plain)))
        for name in ('ids', 'energy', 'evidence', 'class_evidence'):
            assert torch.equal(getattr(again, name)[0], getattr(answer, name)[image]), name


def test_removing_leaves_the_rest_and_the_original_alone(found):
    generator, posterior, ids, _ = found
    before = ids.clone()
    without = remove(posterior, ids[[1, 1, 0]], torch.tensor([0, 2, 0]))
    assert torch.equal(ids, before)
    none = [generator.vocabulary.none] * 3
    assert without[0].tolist() == none + ids[1, 3:].tolist()
    assert without[1].tolist() == ids[1, :6].tolist() + none
    assert torch.equal(without[2], generator.vocabulary.empty())
