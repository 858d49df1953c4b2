"""The demo's pictures."""
import json
from collections.abc import Collection
from pathlib import Path

import cv2
import matplotlib
import torch

from dive_mmdet.engine.records.record import Image, Record

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.patches import Rectangle  # noqa: E402

MIN_SCORE = 0.3


def _show(axes, image, boxes, labels, scores, title: str) -> None:
    axes.imshow(image, cmap='gray', vmin=0, vmax=255)
    axes.set_title(title, fontsize=7)
    axes.axis('off')
    for (x0, y0, x1, y1), label, score in zip(boxes, labels, scores):
        colour = plt.cm.tab10(int(label) % 10)
        axes.add_patch(Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, color=colour, linewidth=1.2))
        text = f'{label}' if score is None else f'{label} {score:.2f}'
        axes.text(x0, y0 - 1, text, fontsize=5, color='white', bbox=dict(facecolor=colour, pad=0.5, linewidth=0))


def draw_detections(records: dict[str, dict[Image, Record]], images: Path, ann_file: Path, out: Path,
                    count: int = 12) -> None:
    """Ground truth and every method's detections side by side for the first scenes of the annotation file."""
    truth = json.loads(ann_file.read_text())
    chosen = truth['images'][:count]
    width = 1 + len(records)
    rows = -(-len(chosen) // 2)
    figure, axes = plt.subplots(rows, 2 * width, figsize=(2 * width * 1.6, rows * 1.75), squeeze=False)
    for axis in axes.flat:
        axis.axis('off')
    for place, info in enumerate(chosen):
        row, column = place % rows, place // rows * width
        image = cv2.imread(str(images / info['file_name']), cv2.IMREAD_GRAYSCALE)
        own = [item for item in truth['annotations'] if item['image_id'] == info['id']]
        boxes = [[x, y, x + w, y + h] for x, y, w, h in (item['bbox'] for item in own)]
        _show(axes[row, column], image, boxes, [item['category_id'] for item in own], [None] * len(own),
              f'scene {info["id"]}: truth')
        for offset, (name, values) in enumerate(records.items(), start=1):
            found = values[info['id']].detections if info['id'] in values else []
            kept = [(box, label, score) for box, score, label in found if score >= MIN_SCORE]
            _show(axes[row, column + offset], image, *(zip(*kept) if kept else ((), (), ())), name)
    figure.tight_layout(pad=0.3)
    figure.savefig(out, dpi=150)
    plt.close(figure)


def draw_course(records: Collection[Record], images: Path, config: str, out: Path, moments: int = 6) -> None:
    """Layout and energy of one inversion over network evaluations: of the scene with the longest course."""
    from mmengine.config import Config

    from dive_mmdet.layout import LayoutTokenizer, LayoutVocabulary
    cfg = Config.fromfile(config)
    tokenizer = LayoutTokenizer(LayoutVocabulary(**cfg.model.backbone.vocabulary))
    record = max(records, key=lambda item: (len(item.inversion['trace']), -item.image))
    trace = record.inversion['trace']
    picks = sorted({round(i * (len(trace) - 1) / (moments - 1)) for i in range(moments)})
    image = cv2.imread(str(images / f'{record.image:06d}.png'), cv2.IMREAD_GRAYSCALE)
    figure = plt.figure(figsize=(1.7 * len(picks), 3.8))
    grid = figure.add_gridspec(2, len(picks), height_ratios=[1.1, 1])
    for column, pick in enumerate(picks):
        nfe, energy, ids = trace[pick]
        layout = tokenizer.decode(torch.tensor(ids))
        boxes = (layout.boxes * cfg.image_size).tolist()
        _show(figure.add_subplot(grid[0, column]), image, boxes, layout.labels.tolist(), [None] * len(boxes),
              f'{nfe} evaluations\nenergy {energy:.4f}')
    axes = figure.add_subplot(grid[1, :])
    axes.step([point[0] for point in trace], [point[1] for point in trace], where='post', marker='o', markersize=3)
    axes.set_xlabel('network evaluations')
    axes.set_ylabel('energy')
    axes.set_title(f'inversion of scene {record.image}', fontsize=8)
    figure.tight_layout()
    figure.savefig(out, dpi=150)
    plt.close(figure)
