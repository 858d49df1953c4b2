"""How the evaluations of a search for layouts grow with an image's objects and with the classes there are.

    python benchmarks/search_growth.py [--images 4] [--objects 4 8 16 32] [--classes 2 10 80 2720]
        [--beside OTHER/report.json] [--out work_dirs/search_growth]

The search runs with its settings for COCO (`configs/dive/layout2img`), without a bound on evaluations and with anchors
as large as the objects, on scenes that a generator in closed form paints. Objects grow at 10 classes, classes at 8
objects; 2,720 are 340 categories with 8 modifiers each. Writes OUT/report.json and OUT/search_growth.png, in which a
report of another search may stand beside. A row that the report has is not measured again.
"""
import argparse
import json
import time
from pathlib import Path

import dive_mmdet.threads  # noqa: F401  before torch

import torch
from mmengine.config import Config

from dive_mmdet.analysis.painted_scenes import colours_of, random_layouts
from dive_mmdet.analysis.painting import Painting
from dive_mmdet.analysis.search_cost import measured_cost
from dive_mmdet.arguments import at_least_one, folder
from dive_mmdet.engine.configured import load_config
from dive_mmdet.layout import LayoutVocabulary

CONFIG = Path(__file__).parents[1] / 'configs/dive/layout2img/dive_layout2img_coco-zero-shot.py'
SIZE, CHANNELS, SLOTS = 64, 8, 40
SIDES = (0.08, 0.14)  # of the objects, as parts of the image's side: 32 of them cover a third of it
ANCHORS = [0.1, 0.14]
MODIFIER_BITS = {2720: 3}
USUAL = dict(objects=8, classes=10)


def settings() -> Config:
    """The model of the config, without a bound and with anchors as large as the objects."""
    # What is expected of a class says much here, where a generator predicts x_0.
    own = {'anchors.scales': ANCHORS, 'classes.shortlist.expected': 2.0, 'max_nfe': float('inf')}
    return load_config(str(CONFIG), {f'model.inverter.{key}': value for key, value in own.items()}).model


def painter_of(classes: int) -> Painting:
    """A generator of so many class ids; where there are modifiers, several ids mean one label."""
    bits = MODIFIER_BITS.get(classes, 0)
    labels = classes >> bits
    vocabulary = LayoutVocabulary(classes, SLOTS, grid=SIZE + 1,
                                  answers=[list(range(label, classes, labels)) for label in range(labels)])
    return Painting(vocabulary, colours_of(labels, bits, CHANNELS, torch.Generator().manual_seed(0)), SIZE)


def measure(objects: int, classes: int, images: int) -> dict:
    """A row of the report."""
    painter, model, start = painter_of(classes), settings(), time.monotonic()
    layouts = random_layouts(painter.vocabulary, images, objects, SIDES, seed=objects)
    cost = measured_cost(model.inverter, model.objective, painter, layouts)
    return dict(objects=objects, classes=classes, nfe=cost.nfe.tolist(), shared_nfe=cost.shared_nfe,
                found=round(cost.found, 3), right=round(cost.right, 3), seconds=round(time.monotonic() - start, 1))


def draw(reports: dict[str, list[dict]], out: Path) -> None:
    """Evaluations by objects and by classes, a curve a search."""
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.5), sharey=True)
    for axes, growing, fixed in zip(panels, USUAL, reversed(USUAL)):
        counts = set()
        for search, report in reports.items():
            rows = sorted((row for row in report if row[fixed] == USUAL[fixed]), key=lambda row: row[growing])
            means = [sum(row['nfe']) / len(row['nfe']) for row in rows]
            axes.plot([row[growing] for row in rows], means, marker='o', label=search)
            counts.update(row[growing] for row in rows)
        axes.set(xscale='log', yscale='log', xlabel=f'{growing} ({USUAL[fixed]} {fixed})')
        axes.set_xticks(sorted(counts))
        axes.xaxis.set_major_formatter('{x:.0f}')
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    panels[0].set_ylabel('network evaluations an image')
    panels[0].legend()
    figure.tight_layout()
    figure.savefig(out, dpi=110)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--images', type=at_least_one, default=4)
    parser.add_argument('--objects', type=at_least_one, nargs='*', default=[4, 8, 16, 32])
    parser.add_argument('--classes', type=at_least_one, nargs='*', default=[2, 10, 80, 2720])
    parser.add_argument('--beside', type=Path, help='report of another search on the same scenes')
    parser.add_argument('--out', type=folder, default=Path('work_dirs/search_growth'))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / 'report.json'
    report = json.loads(path.read_text()) if path.exists() else []
    for sizes in [dict(USUAL, objects=count) for count in args.objects] + [
            dict(USUAL, classes=count) for count in args.classes]:
        known = [row for row in report if all(row[key] == sizes[key] for key in sizes)]
        if not any(len(row['nfe']) == args.images for row in known):
            report = [row for row in report if row not in known] + [measure(**sizes, images=args.images)]
            print(json.dumps(report[-1]), flush=True)
            path.write_text(json.dumps(report, indent=1))
    reports = {'LayoutInverter': report}
    if args.beside:
        reports[args.beside.parent.name] = json.loads(args.beside.read_text())
    draw(reports, args.out / 'search_growth.png')


if __name__ == '__main__':
    main()
