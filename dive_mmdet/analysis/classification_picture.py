"""The picture of the classification demo."""
from pathlib import Path

import matplotlib
import numpy as np

from dive_mmdet.engine.records.record import Record

from .classification import accuracy_after

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402


def draw_accuracy(records: dict[str, dict[str, list[Record]]], out: Path, points: int = 200) -> None:
    """Accuracy against evaluations an image, a panel a data set and a curve a method; a ResNet is a level."""
    figure, panels = plt.subplots(1, len(records), figsize=(6 * len(records), 4), squeeze=False)
    for axes, (data_set, methods) in zip(panels[0], records.items()):
        most = max(record.nfe for found in methods.values() for record in found)
        for method, found in methods.items():
            if not any(record.inversion for record in found):
                axes.axhline(accuracy_after(found, np.zeros(1))[0], linestyle=':', color='grey',
                             label=f'{method} ({len(found)} images)')
                continue
            nfe = np.geomspace(1, most, points)
            spent = max(record.nfe for record in found)
            nfe = np.append(nfe[nfe < spent], spent)
            axes.step(nfe, accuracy_after(found, nfe), where='post', label=f'{method} ({len(found)} images)')
        axes.set(xscale='log', xlabel='network evaluations an image (a backward counts as two)',
                 ylabel='top-1 accuracy (%)', ylim=(0, 101), title=data_set)
        axes.legend(fontsize=7, loc='lower right')
    figure.tight_layout()
    figure.savefig(out, dpi=150)
    plt.close(figure)
