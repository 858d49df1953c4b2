"""The published inversion against a loop written out here, and against an enumeration of all layouts."""
import pytest
import torch
from helpers.painting import PaintingGenerator, TiltedPrior

from dive_mmdet.inversion import ConditionSpace, GradientInverter


def energy_of_rows(generator, posterior, image, rows, pairs, prior=None, weight=0.0):
    """Mean squared error of the predicted noise on some pairs, one at a time, (L, 4) -> scalar."""
    total = 0.0
    for pair in pairs:
        t, noise = posterior.likelihood.bank.timesteps[pair].view(1), posterior.likelihood.bank.noise[pair][None]
        signal, sigma = (value[t].view(1, 1, 1, 1) for value in (generator.schedule.signal, generator.schedule.sigma))
        x_t = signal * posterior.latents[[image]] + sigma * noise
        total = total + (generator.predict_noise(x_t, t, rows[None]) - noise).square().mean()
    energy = total / len(pairs)
    return energy if prior is None else energy + weight * prior.energy(rows[None])[0]


def invert_by_hand(generator, posterior, image, v, lr, decay, loops, step, seed, starts, prior=None,
                   weight=0.0):
    """AdamW after Loshchilov and Hutter on one condition (L, 4); returns ids and monitor of the best loop."""
    space = ConditionSpace(generator.vocabulary, generator.table.weight)
    shuffle = torch.Generator().manual_seed(seed)
    space.random(starts, shuffle)
    order, v = torch.arange(len(posterior.likelihood)), v.clone()
    m, s, k = torch.zeros_like(v), torch.zeros_like(v), 0
    course = []
    for _ in range(loops):
        order = order[torch.randperm(len(order), generator=shuffle)]
        for first in range(0, len(order), step):
            rows = space.table[space.nearest(v[None])[0]].clone().requires_grad_()
            energy_of_rows(generator, posterior, image, rows, order[first:first + step], prior, weight).backward()
            k += 1
            v = v - lr * decay * v
            m, s = 0.9 * m + 0.1 * rows.grad, 0.999 * s + 0.001 * rows.grad ** 2
            v = v - lr * (m / (1 - 0.9 ** k)) / ((s / (1 - 0.999 ** k)).sqrt() + 1e-8)
        ids = space.nearest(v[None])[0]
        with torch.no_grad():
            monitor = energy_of_rows(generator, posterior, image, space.table[ids], range(len(order)), prior, weight)
        course.append((float(monitor), ids))
    return course


SETTINGS = dict(loops=6, pairs_per_step=3, lr=0.05, weight_decay=0.1, seed=3)


def starts_of(generator, count, seed=3):
    space = ConditionSpace(generator.vocabulary, generator.table.weight)
    return space.random(count, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize('weight', [0.0, 2.0])
def test_one_image_and_one_start_equal_a_loop_written_by_hand(weight):
    generator = PaintingGenerator()
    prior = TiltedPrior((9, 4)) if weight else None
    posterior = generator.posterior([generator.layout((0, 1, 1, 9, 9), (2, 10, 3, 15, 14))], num_pairs=7,
                                    space='epsilon', prior=prior, prior_weight=weight)
    course = invert_by_hand(generator, posterior, 0, starts_of(generator, 1)[0], 0.05, 0.1, 6, 3, 3, 1, prior,
                            weight)
    assert len({tuple(ids.tolist()) for _, ids in course}) > 2  # it moves
    found = GradientInverter(**SETTINGS).invert(posterior)
    lowest, ids = min(course, key=lambda item: item[0])
    assert torch.equal(found.ids[0], ids)
    torch.testing.assert_close(float(found.energy[0]), lowest, rtol=1e-4, atol=1e-6)
    running = [min(value for value, _ in course[:loop + 1]) for loop in range(6)]
    torch.testing.assert_close([value for _, value, _ in found.trace[0]], running, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('batch_size', [1, 13, 512])
def test_images_and_starts_of_one_batch_equal_the_ones_run_alone(batch_size):
    generator = PaintingGenerator()
    scenes = [generator.layout((0, 1, 1, 9, 9)), generator.layout((2, 3, 8, 9, 16), (1, 10, 3, 15, 14)),
              generator.layout((1, 0, 0, 16, 16))]
    together = GradientInverter(starts=3, **SETTINGS).invert(
        generator.posterior(scenes, space='epsilon', batch_size=batch_size))
    for image, scene in enumerate(scenes):
        posterior = generator.posterior([scene], space='epsilon')
        lowest, ids = min((pair for start in starts_of(generator, 3) for pair in invert_by_hand(
            generator, posterior, 0, start, 0.05, 0.1, 6, 3, 3, 3)), key=lambda item: item[0])
        assert torch.equal(together.ids[image], ids)
        torch.testing.assert_close(float(together.energy[image]), lowest, rtol=1e-4, atol=1e-6)


def every_layout(vocabulary):
    """All layouts of a single object, reversed boxes among them, and the empty one."""
    corners = torch.cartesian_prod(vocabulary.class_ids, vocabulary.corner_ids, vocabulary.corner_ids)
    return torch.cat([vocabulary.empty()[None], corners])


@pytest.mark.parametrize('distance, starts', [('l2', 1), ('l2', 48), ('cosine', 4)])
def test_found_layout_is_the_global_optimum_of_a_space_small_enough_to_enumerate(distance, starts):
    """With one start it need not find it, but nothing can beat it."""
    generator = PaintingGenerator(num_objects=1, size=4, greys=(0.75, 1.25))
    if distance == 'cosine':
        generator.table.weight += 0.5
    posterior = generator.posterior([generator.layout((1, 1, 1, 4, 3)), generator.layout((0, 0, 2, 3, 4))],
                                    space='epsilon')
    layouts = every_layout(generator.vocabulary)
    energies = [posterior.energy(torch.full((len(layouts),), image), layouts) for image in range(2)]
    found = GradientInverter(distance, loops=40, pairs_per_step=2, lr=0.05, starts=starts).invert(posterior)
    for image in range(2):
        assert found.energy[image] >= energies[image].min()
        place = int((layouts == found.ids[image]).all(dim=1).nonzero())
        assert energies[image][place] == found.energy[image]
        if starts == 48:
            assert torch.equal(found.ids[image], layouts[energies[image].argmin()])


@pytest.mark.parametrize('distance', ['l2', 'continuous'])
def test_the_lowest_monitor_is_kept(distance):
    """A step size that throws the condition about: the last loop is not the best."""
    generator = PaintingGenerator()
    posterior = generator.posterior([generator.layout((0, 1, 1, 9, 9), (2, 10, 3, 15, 14))], space='epsilon')
    seen = []
    found = GradientInverter(distance, loops=8, pairs_per_step=4, lr=0.4, starts=2, seed=1).invert(
        posterior, callback=seen.append)
    loops = [each for each in seen if 'monitor' in each]
    values, ids = (torch.stack([loop[key] for loop in loops]) for key in ('monitor', 'ids'))         # (8, 2)
    assert values.argmin() // 2 < 7 and values[-1].min() > values.min()
    assert torch.equal(found.ids[0], ids.flatten(0, 1)[values.flatten().argmin()])
    course = [value for _, value, _ in found.trace[0]]
    assert course == sorted(course, reverse=True) and course[-1] == float(values.min())
    assert found.trace[0][-1][2] == found.ids[0].tolist()


def test_what_an_image_costs_is_known_beforehand():
    """Loops x pairs with a backward each, and per loop at most a monitor, cached by layout."""
    generator = PaintingGenerator()
    posterior = generator.posterior([generator.layout((0, 1, 1, 9, 9)), generator.layout()], num_pairs=5)
    spent = []
    found = GradientInverter(**SETTINGS).invert(posterior, starts_of(generator, 4), lambda seen: spent.append(
        (posterior.nfe.clone(), generator.evaluations)))
    steps = 6 * 5 * 2 * 3
    nfe, evaluations = spent[-1]
    monitors = nfe - steps
    assert len(spent) == 6 * 2 + 6 and bool((monitors <= 6 * 5 * 2).all()) and bool((monitors >= 5).all())
    assert evaluations == 2 * 6 * 5 * 2 * 3 + int(monitors.sum())
    for course in found.trace:
        nfe = [spent for spent, _, _ in course]
        assert nfe == sorted(nfe) and len(course) == 6


def test_starts_and_shuffles_come_from_the_seed():
    generator = PaintingGenerator()
    scene = [generator.layout((0, 1, 1, 9, 9))]

    def found(seed, global_seed):
        torch.manual_seed(global_seed)
        return GradientInverter(**{**SETTINGS, 'seed': seed}).invert(generator.posterior(scene, space='epsilon'))

    assert torch.equal(found(3, 0).ids, found(3, 1).ids)
    assert found(3, 0).trace[0] != found(4, 0).trace[0]
