"""Does a generator listen to its layout?"""
from typing import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric

from dive_mmdet.registry import METRICS


@METRICS.register_module()
class ConditioningMetric(BaseMetric):
    """Compares the energies of wrong layouts with the true one's.

    For every kind of wrong layout: `win_rate_KIND`, the percentage of images on which the true layout has the lower
    energy, `ratio_KIND`, the mean energy of the wrong ones over that of the true ones, and `gap_KIND`, by how much they
    lie above the true ones in percent of how much the empty layouts do, where those do: what a search can win by
    mending them. `noticed` is the mean win rate of all kinds but `empty`.
    """
    default_prefix = 'conditioning'

    def process(self, data_batch, data_samples: Sequence[dict]) -> None:
        """Keep the `energies` that the generator model put on each sample."""
        self.results.extend(sample['energies'] for sample in data_samples)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Percentages and ratios over all images."""
        true = np.array([energies['true'] for energies in results])
        metrics = dict(energy_true=float(true.mean()))
        kinds = sorted({kind for energies in results for kind in energies} - {'true'})
        for kind in kinds:
            pairs = [(e['true'], e[kind], e.get('empty', e['true'])) for e in results if kind in e]
            own, wrong, empty = np.array(pairs).T
            metrics[f'win_rate_{kind}'] = 100 * float((own < wrong).mean())
            metrics[f'ratio_{kind}'] = float(wrong.mean() / own.mean())
            if kind != 'empty' and empty.mean() > own.mean():
                metrics[f'gap_{kind}'] = 100 * float((wrong - own).mean() / (empty - own).mean())
        rates = [metrics[f'win_rate_{kind}'] for kind in kinds if kind != 'empty']
        return dict(metrics, noticed=sum(rates) / len(rates)) if rates else metrics
