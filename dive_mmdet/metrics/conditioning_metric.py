"""Does a generator listen to its layout?"""
from typing import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric

from dive_mmdet.registry import METRICS


@METRICS.register_module()
class ConditioningMetric(BaseMetric):
    """Compares the energies of wrong layouts with the true one's.

    For every kind of wrong layout: `win_rate_KIND`, the percentage of images on which the true layout has the lower
    energy, and `gap_KIND`, how far the wrong ones lie above the true ones in percent of how far the empty ones do,
    where they do: what a search gains by mending them. `ratio_KIND`, the mean energy of the wrong ones over that of the
    true ones, stands for the empty ones and where there are none. `noticed` is the mean win rate of all kinds but
    `empty`.
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
            if kind != 'empty' and empty.mean() > own.mean():
                metrics[f'gap_{kind}'] = 100 * float((wrong - own).mean() / (empty - own).mean())
            elif kind == 'empty' or 'empty' not in kinds:
                metrics[f'ratio_{kind}'] = float(wrong.mean() / own.mean())
        rates = [metrics[f'win_rate_{kind}'] for kind in kinds if kind != 'empty']
        return dict(metrics, noticed=sum(rates) / len(rates)) if rates else metrics
