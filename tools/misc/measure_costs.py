"""Measure what an object should cost and what the prior should weigh in a search.

    python tools/misc/measure_costs.py CONFIG CHECKPOINT [--images 32] [--times 4]

CONFIG and CHECKPOINT are those of a detector with its prior; images are annotated ones that are not evaluated, as in
tools/misc/calibrate.py. In the true layouts one thing is made wrong: an object dropped, added, split, merged with its
neighbour, moved, shrunk, grown, of another class. Chosen are the object cost and the prior weight under which the
energy rises most often, as a mean over these kinds. Prints the shares under the config's values and the chosen ones,
and the chosen ones as lines of data.py.
"""
import argparse
import sys

import dive_mmdet.threads  # noqa: F401  before torch

from dive_mmdet.analysis.annotated import load
from dive_mmdet.analysis.costs import Costs, ask, best_costs
from dive_mmdet.arguments import at_least_one
from dive_mmdet.engine.configured import add_arguments, config_of, held_back
from dive_mmdet.training.seeds import seed_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument('--times', type=at_least_one, default=4, help='that each kind is drawn for an image')
    parser.set_defaults(images=32)
    args = parser.parse_args()
    if not args.ann_file and not args.img_prefix:
        args.ann_file, args.img_prefix = held_back(args.config)
    config = config_of(args)
    if 'inverter' not in config.model:
        sys.exit(f'{args.config} searches nothing: give a DIVE config of a detector.')
    try:
        model, latents, ids, contents = load(config, args.checkpoint)
        answers = ask(model, latents, ids, [seed_of(image) for image in contents], args.times)
    except ValueError as error:  # annotations that are no layouts, or none
        sys.exit(str(error))
    best = best_costs(answers)
    current = Costs(float(config.model.inverter.get('object_cost', 0)), float(model.search.prior_weight))
    before, after = answers.noticed(*current), answers.noticed(*best)
    print(f'{len(ids)} images, {len(answers.kinds)} wrong layouts; their energy rises, in percent:')
    for kind, share in after.items():
        print(f"  {kind}: {100 * before[kind]:.0f} with the config's costs, {100 * share:.0f} with the measured ones")
    print(f'object_cost = {best.object_cost:.3g}\nprior_weight = {best.prior_weight:.3g}')


if __name__ == '__main__':
    main()
