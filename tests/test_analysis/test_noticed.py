"""What a generator notices, on one that paints boxes and so notices what its painting shows."""
import pytest
import torch
from helpers.painting import PaintingGenerator

from dive_mmdet.analysis.noticed import ask, noticed, one_wrong, windows
from dive_mmdet.inversion import Likelihood
from dive_mmdet.inversion.moves import corners_to_steps

LAYOUTS = [((1, 2, 3, 8, 9), (2, 10, 9, 14, 14)), ((0, 0, 1, 5, 16),)]


def asked(generator, steps=(1,), images=None):
    ids = torch.stack([generator.layout(*objects) for objects in LAYOUTS])
    painted = generator.paint(generator.embed(ids)) if images is None else images
    return noticed(Likelihood(generator, num_pairs=2, low=300, high=900, space='sample'), painted, ids, steps)


def test_a_generator_that_sees_all_notices_all():
    found = asked(PaintingGenerator(), (1, 2))
    assert found.objects == 3 and found.class_first == 1.0 and found.sides == {1: 1.0, 2: 1.0}
    assert found.evaluations == 2 * 3 * (3 + 2 * 8)


def test_a_generator_that_is_deaf_notices_nothing():
    class Deaf(PaintingGenerator):
        def paint(self, rows):
            return torch.zeros(len(rows), 1, self.size, self.size)

    found = asked(Deaf())
    assert found.sides == {1: 0.0} and found.class_first == pytest.approx(1 / 3)  # the first of equals


def test_an_image_of_another_layout_has_some_sides_wrong():
    """The second image is painted with x1 = 6, not 5: of its sides one moved out lowers the energy."""
    generator = PaintingGenerator()
    images = generator.paint(generator.embed(torch.stack([
        generator.layout(*LAYOUTS[0]), generator.layout((0, 0, 1, 6, 16))])))
    found = asked(generator, images=images)
    assert found.class_first == 1.0 and found.sides[1] == pytest.approx(1 - 1 / (8 + 8 + 6))


def test_layouts_with_one_thing_wrong_by_hand():
    """At the left and the lower edge two sides cannot move out, so 8 - 2 are asked about."""
    generator = PaintingGenerator()
    layouts, valid = one_wrong(generator.layout(*LAYOUTS[1]), 0, generator.vocabulary, [1, 3])
    assert layouts.shape == (3 + 16, 9) and valid.tolist() == [[False, *[True] * 6, False],
                                                               [False, True, False, *[True] * 4, False]]
    boxes = corners_to_steps(generator.vocabulary.objects(layouts)[:, 0, 1:], 17)
    assert boxes[:3].tolist() == [[0, 1, 5, 16]] * 3
    assert boxes[3:][valid.flatten()].tolist() == [
        [1, 1, 5, 16], [0, 0, 5, 16], [0, 2, 5, 16], [0, 1, 4, 16], [0, 1, 6, 16], [0, 1, 5, 15],
        [3, 1, 5, 16], [0, 4, 5, 16], [0, 1, 2, 16], [0, 1, 8, 16], [0, 1, 5, 13]]
    classes = generator.vocabulary.objects(layouts)[:3, 0, 0] - generator.vocabulary.class_offset
    assert classes.tolist() == [0, 1, 2]


def test_images_without_objects_are_told():
    generator = PaintingGenerator()
    with pytest.raises(ValueError, match='No image has an object to ask about'):
        noticed(Likelihood(generator, num_pairs=2), torch.zeros(1, 1, 16, 16), generator.vocabulary.empty()[None])


def test_windows_are_what_an_objective_of_these_timesteps_and_this_space_notices():
    """The generator listens from t = 500 on, so a window below it notices nothing."""
    class Listens(PaintingGenerator):
        def predict_noise(self, x_t, t, rows):
            nothing = self.embed(self.vocabulary.empty()[None]).expand_as(rows)
            return super().predict_noise(x_t, t, torch.where(t[:, None, None] < 500, nothing, rows))

    generator, steps = Listens(), (1, 2)
    ids = torch.stack([generator.layout(*objects) for objects in LAYOUTS])
    noise = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    images = noise + generator.paint(generator.embed(ids))
    bank = dict(num_pairs=10, low=0, high=1000)
    likelihood = Likelihood(generator, **bank)
    found = {window[:3]: window.noticed for window in windows(likelihood, ask(likelihood, images, ids, steps), steps)}
    assert len(found) == 3 * (55 - 10)
    for (_, high, _), what in found.items():
        if high <= 500:
            assert what.sides == {1: 0.0, 2: 0.0}
        else:
            assert min(what.sides.values()) > 0.5
    for space in ('sample', 'v_prediction'):
        assert found[0, 1000, space] == noticed(Likelihood(generator, **bank, space=space), images, ids, steps)
