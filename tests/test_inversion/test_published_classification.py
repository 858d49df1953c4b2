"""The inversion of classes against a trace of the original program (tests/data/dive_classification)."""
import pytest
import torch
from helpers.published_dit import load_generator, load_trace, posterior_of

from dive_mmdet.inversion import GradientInverter
from dive_mmdet.inversion.space import space_of

MODES = ('l2', 'cosine', 'continuous')
LOOPS, STEPS = 16, 5


@pytest.fixture(scope='module')
def recorded():
    return load_trace()


@pytest.fixture(scope='module')
def generator():
    return load_generator()


@pytest.fixture(scope='module', params=MODES)
def run(request, generator, recorded):
    """Mode, what every step and every loop said, the answer, and what the original program noted."""
    seen = []
    found = GradientInverter(request.param, loops=LOOPS, pairs_per_step=25).invert(
        posterior_of(generator, recorded), callback=seen.append)
    steps, loops = ([each for each in seen if key in each] for key in ('gradient', 'monitor'))
    expected = {name.removeprefix(f'{request.param}_'): value for name, value in recorded.items()
                if name.startswith(f'{request.param}_')}
    return request.param, steps, loops, found, expected


def test_errors_of_every_class_are_those_of_diffusion_classifier(generator, recorded):
    posterior = posterior_of(generator, recorded)
    images, classes = torch.arange(8).repeat_interleave(10), torch.arange(10).repeat(8)[:, None]
    energies = posterior.energy(images, classes).view(8, 10)
    torch.testing.assert_close(energies, recorded['dc_errors'].float(), rtol=0, atol=3e-6)
    assert torch.equal(energies.argmin(dim=1), recorded['dc_argmin'])


def test_starts_and_shuffles_are_the_published_ones(run, recorded):
    _, steps, _, _, _ = run
    torch.testing.assert_close(steps[0]['v'][:, 0], recorded['init_embedding'].expand(8, -1), rtol=0, atol=1e-7)
    assert torch.equal(torch.cat([step['pairs'] for step in steps]).view(LOOPS, 125), recorded['order'])


def test_every_step_projects_on_the_published_class(run, generator):
    mode, steps, loops, _, expected = run
    space = space_of(generator, mode)
    assert torch.equal(torch.cat([space.nearest(step['v']) for step in steps], dim=1), expected['projected_class'])
    assert torch.equal(torch.cat([loop['ids'] for loop in loops], dim=1), expected['nearest_class'])


def test_vectors_gradients_and_monitors(run):
    mode, steps, loops, _, expected = run
    vectors = torch.cat([each['v'] for each in [*steps, loops[-1]]], dim=1)
    torch.testing.assert_close(vectors, expected['embeddings'], rtol=0, atol=2e-3 if mode == 'continuous' else 1e-4)
    first = torch.cat([step['gradient'] for step in steps[:STEPS]], dim=1)
    largest = float(expected['gradients_first_loop'].abs().max())
    torch.testing.assert_close(first, expected['gradients_first_loop'], rtol=0, atol=1e-4 * largest)
    monitors = torch.stack([loop['monitor'] for loop in loops], dim=1).double()
    torch.testing.assert_close(monitors, expected['monitor_loss'], rtol=0, atol=3e-6)


def test_answers_are_the_published_ones(run):
    _, _, loops, found, expected = run
    assert torch.equal(found.ids[:, 0], expected['prediction'])
    best = torch.stack([loop['monitor'] for loop in loops]).amin(dim=0).double()
    torch.testing.assert_close(best, expected['best_monitor'], rtol=0, atol=3e-6)


def test_visited_classes_have_their_energies_and_others_none(run, generator, recorded):
    mode, _, _, found, expected = run
    finite = found.class_energy.isfinite()
    torch.testing.assert_close(found.class_energy[finite], recorded['dc_errors'].float()[finite], rtol=0, atol=3e-6)
    for image in range(8):
        visited = set(expected['nearest_class'][image].tolist()) if mode != 'continuous' else set()
        assert set(finite[image].nonzero()[:, 0].tolist()) == visited | {int(found.ids[image])}
    assert found.evidence is None and found.per_image()[0]['class_energy'] == found.class_energy[0].tolist()


def test_a_monitor_is_never_computed_twice(run):
    """80 steps of 25 pairs with a backward each, and 125 pairs for each class that a loop ended at."""
    mode, _, _, found, expected = run
    steps = LOOPS * STEPS * 25 * 3
    for image in range(8):
        monitors = LOOPS if mode == 'continuous' else len(set(expected['nearest_class'][image].tolist()))
        answer = 1 if mode == 'continuous' else 0
        assert int(found.nfe[image]) == steps + 125 * (monitors + answer)
