"""Switches of the training loss against loops over pixels and images."""
import math

import pytest
import torch

from dive_mmdet.diffusion import NoiseSchedule
from dive_mmdet.layout import ClassVocabulary, LayoutTokenizer, LayoutVocabulary
from dive_mmdet.training.denoising_loss import DenoisingLoss
from dive_mmdet.training.foreground import foreground_weights

SIDE = 8
CROPPED = LayoutVocabulary(num_classes=3, num_objects=2, grid=SIDE + 1, encode_crop=True)
TOKENIZER = LayoutTokenizer(LayoutVocabulary(num_classes=3, num_objects=2, grid=SIDE + 1))
BOXES = [[(1, 2, 5, 6), (4, 0, 8, 8)], [(0, 0, 3, 2)], []]


class Recording:
    """A generator that predicts 0 and keeps the ids that it was asked with."""

    def __init__(self, vocabulary=TOKENIZER.vocabulary):
        self.vocabulary, self.tokenizer = vocabulary, TOKENIZER
        self.schedule, self.prediction_type, self.seen = NoiseSchedule(), 'sample', None

    def hide_classes(self, ids, probability, rng=None):
        return self.vocabulary.hide_classes(ids, probability, rng) if self.vocabulary.has_objects else ids

    def embed(self, ids):
        self.seen = ids
        return ids

    def predict(self, x_t, t, rows):
        return torch.zeros_like(x_t)


def layouts():
    return torch.stack([TOKENIZER.encode(torch.tensor(boxes).reshape(-1, 4) / SIDE, torch.arange(len(boxes)))
                        for boxes in BOXES])


def weights_by_hand(boxes, weight, power):
    """GeoDiffusion's mask, one pixel at a time: its own weights over their mean."""
    own = torch.empty(SIDE, SIDE)
    for row in range(SIDE):
        for column in range(SIDE):
            areas = [(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes if x0 <= column < x1 and y0 <= row < y1]
            own[row, column] = weight / min(areas) ** power if areas else 1 / (SIDE * SIDE) ** power
    return own * SIDE * SIDE / own.sum()


@pytest.mark.parametrize('weight, power', [(2.0, 0.2), (1.0, 0.5), (3.0, 0.0)])
def test_foreground_weights_are_those_of_a_loop(weight, power):
    found = foreground_weights(layouts(), TOKENIZER, (SIDE, SIDE), weight, power)
    expected = torch.stack([weights_by_hand(boxes, weight, power) for boxes in BOXES])[:, None]
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(found[2], torch.ones(1, SIDE, SIDE))


def test_a_weighted_loss_is_the_mean_of_weighted_errors():
    x0 = torch.randn(3, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    loss = DenoisingLoss(Recording(), foreground=dict(weight=2.0, power=0.2))(x0, layouts())
    expected = torch.stack([weights_by_hand(boxes, 2.0, 0.2) for boxes in BOXES])[:, None] * x0.square()
    torch.testing.assert_close(loss, expected.mean())
    torch.testing.assert_close(DenoisingLoss(Recording())(x0, layouts()), x0.square().mean())


def test_some_images_lose_their_whole_layout():
    generator, ids = Recording(), layouts()[:1].expand(4000, -1)
    loss = DenoisingLoss(generator, condition_dropout=0.2)
    loss(torch.zeros(4000, 1, 1, 1), ids, torch.Generator().manual_seed(0))
    empty = (generator.seen == generator.vocabulary.none).all(dim=1)
    assert float(empty.float().mean()) == pytest.approx(0.2, abs=3 * math.sqrt(0.16 / 4000))
    assert torch.equal(generator.seen[~empty], ids[~empty])
    DenoisingLoss(generator)(torch.zeros(4000, 1, 1, 1), ids)
    assert torch.equal(generator.seen, ids)


def test_dropped_conditions_keep_their_crop():
    ids = LayoutTokenizer(CROPPED).encode(torch.tensor([[0.0, 0.0, 0.5, 0.5]]), torch.tensor([1]),
                                          crop=torch.tensor([0.0, 0.0, 0.5, 1.0]))
    dropped = CROPPED.dropped(torch.stack([ids, ids]), torch.tensor([True, False]))
    assert dropped[0].tolist() == [CROPPED.none] * 6 + ids[-2:].tolist() and torch.equal(dropped[1], ids)


def test_a_dropped_class_is_the_null_class():
    ids = torch.tensor([[2], [1]])
    assert ClassVocabulary(3).dropped(ids, torch.tensor([False, True])).tolist() == [[2], [3]]


def test_several_noises_are_the_mean_over_the_repeated_images():
    x0, ids = torch.randn(3, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0)), layouts()
    settings = dict(class_dropout=0.5, timestep_exponent=0.5)
    generator, repeated = Recording(), Recording()
    found = DenoisingLoss(generator, noises=4, **settings)(x0, ids, torch.Generator().manual_seed(1))
    expected = DenoisingLoss(repeated, **settings)(
        torch.cat([x0] * 4), torch.cat([ids] * 4), torch.Generator().manual_seed(1))
    assert torch.equal(found, expected) and torch.equal(generator.seen, repeated.seen) and len(generator.seen) == 12
    with pytest.raises(ValueError, match='at least one noise for an image, got noises=0'):
        DenoisingLoss(generator, noises=0)


def test_classes_have_no_foreground():
    with pytest.raises(ValueError, match='A class has no box, so nothing is foreground'):
        DenoisingLoss(Recording(ClassVocabulary(3)), foreground=dict(weight=2.0, power=0.2))
