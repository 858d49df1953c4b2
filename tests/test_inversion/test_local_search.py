"""Local moves against a descent written by hand on a generator whose energies depend on the noise."""
import pytest
import torch
from helpers.painting import PaintingGenerator, objects_of

from dive_mmdet.inversion.local_search import LocalSearch

TRUTH, START = (1, 3, 4, 11, 12), (1, 5, 3, 10, 14)
IMAGE, SLOT = torch.zeros(1, dtype=torch.long), torch.zeros(1, dtype=torch.long)


def search(leak=0.0, num_pairs=4):
    generator = PaintingGenerator(leak=leak)
    posterior = generator.posterior([generator.layout(TRUTH)], num_pairs=num_pairs)
    return generator, posterior, LocalSearch(posterior, (1, 16), max_moves=40)


def refined(generator, local, num_pairs, decide_pairs=None, step=4):
    ids = local.refine(IMAGE, generator.layout(START)[None], SLOT,
                       num_pairs, step, decide_pairs)
    return ids[0]


@pytest.mark.parametrize('pairs', [(1, None), (1, 4), (4, 1), (4, 4)])
def test_a_box_finds_its_object(pairs):
    generator, _, local = search()
    assert objects_of(generator, refined(generator, local, *pairs)) == {TRUTH}


def descend(generator, posterior, num_pairs, decide_pairs):
    """Steps of one pixel: the two best of all moves on few pairs, then the better one on more pairs or none."""
    label, *box = START

    def energy(box, count):
        return float(posterior.energy(torch.tensor([0]), generator.layout((label, *box))[None], count))

    def possible(box):
        return 0 <= box[0] < box[2] <= 16 and 0 <= box[1] < box[3] <= 16

    def shifted(box, changes):
        box = list(box)
        for side, change in changes:
            box[side] += change
        return box
    while True:
        singles = [[(side, change)] for side in range(4) for change in (-1, 1)]
        moves = [shifted(box, change) for change in singles if possible(shifted(box, change))]
        helpful = []
        for side in range(4):
            ways = [(energy(shifted(box, [(side, change)]), num_pairs), change) for change in (-1, 1)
                    if possible(shifted(box, [(side, change)]))]
            if min(ways)[0] < energy(box, num_pairs):
                helpful.append((side, min(ways)[1]))
        if len(helpful) > 1 and possible(shifted(box, helpful)):
            moves.append(shifted(box, helpful))
        finalists = sorted(moves, key=lambda move: energy(move, num_pairs))[:2]
        best = min(finalists, key=lambda move: energy(move, decide_pairs))
        if energy(best, decide_pairs) >= energy(box, decide_pairs):
            return {(label, *box)}
        box = best


@pytest.mark.parametrize('leak', [0.0, 0.05])
def test_few_pairs_propose_and_more_decide(leak):
    generator, posterior, local = search(leak, num_pairs=6)
    for num_pairs in (1, 2):
        found = refined(generator, local, num_pairs, 6, step=1)
        assert objects_of(generator, found) == descend(generator, posterior, num_pairs, 6)


def test_deciding_on_more_pairs_costs_two_moves_a_step():
    """At the optimum: 8 moves on one pair, two of them and staying on three more."""
    generator, posterior, local = search(num_pairs=4)
    local.refine(IMAGE, generator.layout(TRUTH)[None], SLOT, 1, 1, 4)
    assert posterior.nfe.tolist() == [4 + 8 + 2 * 3]


@pytest.mark.parametrize('slack, expected', [(1.0, TRUTH), (0.35, (1, 3, 4, 9, 12))])
def test_hypotheses_far_behind_are_not_refined(slack, expected):
    """Half of the object gains four times as much as a box beside it, which one move would put right."""
    generator = PaintingGenerator()
    posterior = generator.posterior([generator.layout(TRUTH)])
    half, beside = generator.layout((1, 3, 4, 7, 12)), generator.layout((1, 5, 6, 13, 14))
    found = LocalSearch(posterior, (1, 16), max_moves=1, slack=slack).classify(
        IMAGE, torch.stack([half, beside])[None], SLOT, num_pairs=4, hypotheses=6)
    assert objects_of(generator, found[0]) == {expected}
