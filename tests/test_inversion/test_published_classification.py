"""The inversion of classes against a trace of the original program (tests/data/dive_classification)."""
import pytest
import torch
from helpers.published_dit import load_generator, load_trace, posterior_of

from dive_mmdet.inversion import GradientInverter

MODES = ('l2', 'cosine', 'continuous')
LOOPS, STEPS = 16, 5


@pytest.fixture(scope='module')
def recorded():
    return load_trace()


@pytest.fixture(scope='module')
def generator():
    return load_generator()


class Watched(GradientInverter):
    """Notes what the original program noted."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.vectors, self.gradients, self.ids, self.pairs = [], [], [], []
        self.monitors, self.monitor_ids = [], []

    def _gradient(self, posterior, space, v, images, pairs):
        gradient = super()._gradient(posterior, space, v, images, pairs)
        self.vectors.append(v.detach()[:, 0].clone())
        self.gradients.append(gradient[:, 0])
        self.ids.append(space.nearest(v.detach())[:, 0])
        self.pairs.append(pairs)
        return gradient

    def _monitor(self, posterior, space, v, images):
        monitor, ids = super()._monitor(posterior, space, v, images)
        self.last = v[:, 0].clone()
        self.monitors.append(monitor)
        self.monitor_ids.append(ids[:, 0])
        return monitor, ids


@pytest.fixture(scope='module', params=MODES)
def run(request, generator, recorded):
    inverter = Watched(request.param, loops=LOOPS, pairs_per_step=25)
    found = inverter.invert(posterior_of(generator, recorded))
    expected = {name.removeprefix(f'{request.param}_'): value for name, value in recorded.items()
                if name.startswith(f'{request.param}_')}
    return request.param, inverter, found, expected


def test_errors_of_every_class_are_those_of_diffusion_classifier(generator, recorded):
    posterior = posterior_of(generator, recorded)
    images, classes = torch.arange(8).repeat_interleave(10), torch.arange(10).repeat(8)[:, None]
    energies = posterior.energy(images, classes).view(8, 10)
    torch.testing.assert_close(energies, recorded['dc_errors'].float(), rtol=0, atol=3e-6)
    assert torch.equal(energies.argmin(dim=1), recorded['dc_argmin'])


def test_starts_and_shuffles_are_the_published_ones(run, recorded):
    _, inverter, _, expected = run
    torch.testing.assert_close(inverter.vectors[0], recorded['init_embedding'].expand(8, -1), rtol=0, atol=1e-7)
    assert torch.equal(torch.cat(inverter.pairs).view(LOOPS, 125), recorded['order'])


def test_every_step_projects_on_the_published_class(run):
    _, inverter, _, expected = run
    assert torch.equal(torch.stack(inverter.ids, dim=1), expected['projected_class'])
    assert torch.equal(torch.stack(inverter.monitor_ids, dim=1), expected['nearest_class'])


def test_vectors_gradients_and_monitors(run):
    mode, inverter, _, expected = run
    vectors = torch.stack([*inverter.vectors, inverter.last], dim=1)
    torch.testing.assert_close(vectors, expected['embeddings'], rtol=0, atol=2e-3 if mode == 'continuous' else 1e-4)
    first = torch.stack(inverter.gradients[:STEPS], dim=1)
    largest = float(expected['gradients_first_loop'].abs().max())
    torch.testing.assert_close(first, expected['gradients_first_loop'], rtol=0, atol=1e-4 * largest)
    monitors = torch.stack(inverter.monitors, dim=1).double()
    torch.testing.assert_close(monitors, expected['monitor_loss'], rtol=0, atol=3e-6)


def test_answers_are_the_published_ones(run):
    mode, inverter, found, expected = run
    assert torch.equal(found.ids[:, 0], expected['prediction'])
    best = torch.stack(inverter.monitors).amin(dim=0).double()
    torch.testing.assert_close(best, expected['best_monitor'], rtol=0, atol=3e-6)


def test_visited_classes_have_their_energies_and_others_none(run, generator, recorded):
    mode, inverter, found, expected = run
    finite = found.class_energy.isfinite()
    torch.testing.assert_close(found.class_energy[finite], recorded['dc_errors'].float()[finite], rtol=0, atol=3e-6)
    for image in range(8):
        visited = set(expected['nearest_class'][image].tolist()) if mode != 'continuous' else set()
        assert set(finite[image].nonzero()[:, 0].tolist()) == visited | {int(found.ids[image])}
    assert found.evidence is None and found.per_image()[0]['class_energy'] == found.class_energy[0].tolist()


def test_a_monitor_is_never_computed_twice(run):
    """80 steps of 25 pairs with a backward each, and 125 pairs for each class that a loop ended at."""
    mode, inverter, found, expected = run
    steps = LOOPS * STEPS * 25 * 3
    for image in range(8):
        monitors = LOOPS if mode == 'continuous' else len(set(expected['nearest_class'][image].tolist()))
        answer = 1 if mode == 'continuous' else 0
        assert int(found.nfe[image]) == steps + 125 * (monitors + answer)
