"""Do questions about all objects at once answer as questions about one object do? Measured on true layouts.

    python tools/analysis_tools/joint_answers.py CONFIG CHECKPOINT --images 40 [--pairs 16]

Every object gets every other class, and every side one grid step out and in: once with the objects that lie apart in
the same layouts, read in the regions that they change, and once each alone, by the energy of the whole layout. Prints
the evaluations of both, the correlation of their gains, how often the same class is best, and how often a step has the
same sign, for objects that touch no other and for those that do.
"""
import argparse
import json

import dive_mmdet.threads  # noqa: F401  before torch

import torch
from torch import Tensor

from dive_mmdet.analysis.annotated import load
from dive_mmdet.arguments import at_least_one
from dive_mmdet.engine.configured import add_arguments, config_of
from dive_mmdet.inversion.meter import Meter
from dive_mmdet.inversion.moves import SIDE_MOVES
from dive_mmdet.inversion.posterior import Posterior
from dive_mmdet.inversion.search.objects import boxes_of, group_of, other_boxes, other_classes, present
from dive_mmdet.inversion.search.packing import alone
from dive_mmdet.inversion.search.race import Answers, Rungs, race
from dive_mmdet.inversion.search.state import SearchState


def touching(state: SearchState) -> Tensor:
    """Which groups are objects whose box meets another one's, as bools by group."""
    rows, slots = present(state, torch.arange(len(state)))
    boxes = boxes_of(state, rows, slots)
    low, high = torch.maximum(boxes[:, None, :2], boxes[:, :2]), torch.minimum(boxes[:, None, 2:], boxes[:, 2:])
    meet = (low <= high).all(dim=-1) & (rows[:, None] == rows) & ~torch.eye(len(rows), dtype=torch.bool)
    by_group = torch.zeros(len(state) * state.vocabulary.num_objects, dtype=torch.bool)
    by_group[group_of(state, rows, slots)] = meet.any(dim=1)
    return by_group


def single_gains(state: SearchState, answers: Answers) -> Tensor:
    """Of offers asked one by one, by whole layouts, (O,)."""
    layouts = alone(state.ids, answers.offers, state.vocabulary)
    return (state.energy[answers.offers.rows]
            - state.posterior.energy(state.images[answers.offers.rows], layouts, state.pairs))


def best_alike(groups: Tensor, joint: Tensor, single: Tensor) -> float:
    """Percent of groups whose best offer is the same."""
    each = [(joint[groups == group], single[groups == group]) for group in groups.unique()]
    return 100 * sum(int(a.argmax()) == int(b.argmax()) for a, b in each) / max(1, len(each))


def compare(joint: Tensor, single: Tensor, groups: Tensor) -> dict[str, float]:
    """How two ways to ask agree, (O,), (O,), (O,)."""
    correlation = float(torch.corrcoef(torch.stack([joint, single]))[0, 1]) if len(joint) > 1 else float('nan')
    return dict(questions=len(joint), correlation=correlation, best_alike=best_alike(groups, joint, single),
                same_sign=100 * float((joint.sign() == single.sign()).float().mean()) if len(joint) else float('nan'))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument('--pairs', type=at_least_one, default=16)
    args = parser.parse_args()
    model, latents, true, _ = load(config_of(args), args.checkpoint)
    # Without a prior: what a region can see is the likelihood's alone.
    posterior = Posterior(model.likelihood.on_bank(args.pairs), latents, batch_size=model.search.batch_size)
    state = SearchState(posterior, Meter(posterior, float('inf'), torch.zeros_like), torch.arange(len(true)), true,
                        object_cost=0.0, pairs=args.pairs)
    rows, slots = present(state, torch.arange(len(state)))
    bounds, meets, report = (1, state.vocabulary.grid - 1), touching(state), dict(images=len(true), objects=len(rows))
    for name, offers in (('classes', other_classes(state, rows, slots)), ('steps', other_boxes(
            state, rows, slots, SIDE_MOVES.expand(len(rows), -1, -1), bounds))):
        before = int(posterior.nfe.sum())
        answers = race(state, offers, Rungs((args.pairs,)))
        joint_nfe = int(posterior.nfe.sum()) - before
        single = single_gains(state, answers)
        groups, own = answers.offers.groups, meets[answers.offers.groups]
        report[name] = dict(
            evaluations_joint=joint_nfe, evaluations_single=int(posterior.nfe.sum()) - before - joint_nfe,
            apart=compare(answers.gain[~own], single[~own], groups[~own]),
            touching=compare(answers.gain[own], single[own], groups[own]))
    print(json.dumps(report, indent=2))


if __name__ == '__main__':
    main()
