"""Does the search find what the generator prefers, and does the generator prefer the truth? Measured apart.

    python tools/analysis_tools/search_quality.py CONFIG CHECKPOINT --records work_dirs/demo_300/dive --count 100

Reads the records of a finished run (`tools/demo.py`), takes a bank of noise that the search never used and compares,
image by image, the energies of the found, the true and the empty layout. Annotations are read here and nowhere in the
search.
"""
import argparse
import json
from pathlib import Path

import numpy as np
import torch
from mmdet.apis import init_detector
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, DefaultScope

from dive_mmdet.detectors.ground_truth import true_layouts
from dive_mmdet.inversion import Likelihood


def pair_energies(likelihood: Likelihood, latents: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Errors on every pair of the bank, (N, c, h, w), (N, L, D) -> (N, P)."""
    count = len(likelihood)
    errors = []
    with torch.no_grad():
        for latent, row in zip(latents, rows):
            errors.append(likelihood.pair_errors(latent.expand(count, -1, -1, -1), row.expand(count, -1, -1),
                                                 torch.arange(count)))
    return torch.stack(errors)


def annotations_before_resize(dataset_cfg):
    """A test data set whose boxes are resized with the image, as layouts in the generator's image must be."""
    first = ('LoadImageFromFile', 'LoadAnnotations')
    dataset_cfg.pipeline.sort(key=lambda step: first.index(step.type) if step.type in first else 2)
    return dataset_cfg


def summarise(found: torch.Tensor, true: torch.Tensor, empty: torch.Tensor) -> dict[str, float]:
    """Rates in percent from energies (N, P) on a fresh bank.

    A search misses where the found layout is worse than the true one by more than two paired standard errors or 2 % of
    the gap between the empty and the true layout, whichever is smaller.
    """
    difference = found - true
    standard_error = difference.std(dim=1) / difference.shape[1] ** 0.5
    gap = (empty - true).mean(dim=1)
    mean = difference.mean(dim=1)
    return dict(images=len(mean),
                search_finds=100 * float((mean <= torch.minimum(2 * standard_error, 0.02 * gap)).float().mean()),
                generator_prefers_found=100 * float((mean < -2 * standard_error).float().mean()),
                generator_prefers_truth=100 * float((mean > 2 * standard_error).float().mean()),
                mean_excess_of_gap=100 * float(np.mean((mean / gap).tolist())))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--records', type=Path, required=True)
    parser.add_argument('--ann-file', default=None, help="relative to the data root, instead of the config's")
    parser.add_argument('--count', type=int, default=100)
    parser.add_argument('--pairs', type=int, default=32)
    parser.add_argument('--seed', type=int, default=20260)
    args = parser.parse_args()
    config = Config.fromfile(args.config)
    if args.ann_file:
        config.test_dataloader.dataset.ann_file = args.ann_file
    dataset_cfg = annotations_before_resize(config.test_dataloader.dataset)
    model = init_detector(config, args.checkpoint, device='cpu')
    with DefaultScope.overwrite_default_scope('mmdet'):
        dataset = DATASETS.build(dataset_cfg)
    batch = model.data_preprocessor(pseudo_collate([dataset[index] for index in range(args.count)]))
    samples = batch['data_samples']
    found = torch.tensor([json.loads((args.records / f'{sample.img_id:012d}.json').read_text())['inversion']['ids']
                          for sample in samples])
    generator = model.backbone
    objective = dict(config.custom_hooks[0].objective, num_pairs=args.pairs, seed=args.seed)
    likelihood = Likelihood(generator, **objective)
    latents = generator.encode(batch['inputs'])
    true = true_layouts(samples, generator.tokenizer)
    energies = [pair_energies(likelihood, latents, generator.embed(ids))
                for ids in (found, true, generator.vocabulary.empty().expand_as(true))]
    print(json.dumps(summarise(*energies), indent=2))


if __name__ == '__main__':
    main()
