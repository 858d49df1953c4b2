"""Does the joint search's shortlist hold the class that an object has? Measured on true boxes of unknown class.

    python tools/analysis_tools/class_ranking.py CONFIG CHECKPOINT --images 60 [--pairs 2 4 8] [--first 1 2 3 5]

Prints in how many percent of the objects the true class is among the first of the ranking: by the gradient alone on so
many pairs, by what the generator expects of each class alone, and by both, weighed as the config says.
"""
import argparse
import json

import dive_mmdet.threads  # noqa: F401  before torch

import torch

from dive_mmdet.analysis.annotated import load
from dive_mmdet.arguments import at_least_one
from dive_mmdet.engine.configured import add_arguments, config_of
from dive_mmdet.inversion.meter import Meter
from dive_mmdet.inversion.search.likely import LikelyClasses
from dive_mmdet.inversion.search.objects import present
from dive_mmdet.inversion.search.settings import Shortlist
from dive_mmdet.inversion.search.state import SearchState
from dive_mmdet.layout.vocabulary import CLASS

ALONE = 1e6  # weight of what is expected, beside which a gradient counts nothing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument('--pairs', type=at_least_one, nargs='+', default=[2, 4, 8])
    parser.add_argument('--first', type=at_least_one, nargs='+', default=[1, 2, 3, 5])
    args = parser.parse_args()
    config = config_of(args)
    shortlist = config.model.inverter.get('classes', {}).get('shortlist', {})
    weight = shortlist.get('expected', Shortlist().expected)
    model, latents, true, _ = load(config, args.checkpoint)
    vocabulary, posterior = model.backbone.vocabulary, model.posterior(latents)
    unknown = true.clone()
    vocabulary.objects(unknown)[..., CLASS].masked_fill_(vocabulary.is_present(true), vocabulary.any_class)
    state = SearchState(posterior, Meter(posterior, float('inf'), torch.zeros_like), torch.arange(len(true)), unknown,
                        object_cost=0.0, pairs=max(args.pairs))
    rows, slots = present(state, torch.arange(len(state)))
    classes = vocabulary.class_places(vocabulary.objects(true)[rows, slots, CLASS])
    report = dict(images=len(true), objects=len(rows))
    ways = [(f'gradient on {pairs} pairs', pairs, 0.0) for pairs in args.pairs] + [('expected', 1, ALONE)]
    ways += [(f'gradient on {pairs} pairs and {weight} expected', pairs, weight) for pairs in args.pairs if weight]
    for name, pairs, expected in ways:
        # Of fewer classes than there are, or nothing is ranked.
        likely = LikelyClasses(Shortlist(**{**shortlist, 'size': 1, 'pairs': pairs, 'expected': expected}))
        likely.prepare(posterior)
        place = (likely.ranked(state, rows, slots) == classes[:, None]).int().argmax(dim=1)
        report[name] = {f'first {count}': round(100 * float((place < count).float().mean()), 1)
                        for count in args.first}
    print(json.dumps(report, indent=2))


if __name__ == '__main__':
    main()
