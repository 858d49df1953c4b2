"""Fit the scores of a DIVE head on annotated training scenes and write them into the checkpoint.

    python tools/misc/calibrate.py CONFIG CHECKPOINT --ann-file calib.json --img-prefix calib/ [--iou 0.5]

The detector inverts the scenes; an object is right when it overlaps an annotation of its class by `--iou` and none
of more evidence does. Scores become the probability of that. Interrupted runs go on where they stopped.
"""
import argparse
import sys
from pathlib import Path

import torch
from mmdet.apis import init_detector
from mmengine.config import Config
from publish_weights import write_whole
from pycocotools.coco import COCO

from dive_mmdet.engine import run_images
from dive_mmdet.heads.layout_head import box_iou
from dive_mmdet.structures import Inversion


def is_right(boxes: torch.Tensor, labels: torch.Tensor, evidence: torch.Tensor, annotations: list[dict],
             category_ids: list[int], iou: float) -> list[bool]:
    """Which objects match an annotation that no object of more evidence matches; boxes (k, 4) in pixels."""
    right, free = [False] * len(boxes), list(range(len(annotations)))
    for index in evidence.argsort(descending=True).tolist():
        for which in free:
            x, y, w, h = annotations[which]['bbox']
            same = category_ids[int(labels[index])] == annotations[which]['category_id']
            if same and box_iou(boxes[index], torch.tensor([x, y, x + w, y + h], dtype=boxes.dtype)) >= iou:
                right[index] = True
                free.remove(which)
                break
    return right


def collect(model, records: list[dict], coco: COCO, classes: tuple[str, ...], iou: float):
    """Features (n, F) and whether each object is right, (n,)."""
    by_name = {category['name']: category['id'] for category in coco.dataset['categories']}
    category_ids = [by_name[name] for name in classes]
    features, right = [], []
    for record in records:
        found, image = record['inversion'], coco.imgs[record['img_id']]
        inversion = Inversion(ids=torch.tensor([found['ids']]), energy=torch.tensor([found['energy']]),
                              evidence=torch.tensor([found['evidence']]), margin=torch.tensor([found['margin']]),
                              nfe=torch.zeros(1))
        boxes, labels, values = model.bbox_head.objects(inversion, 0, model.backbone.vocabulary)
        pixels = boxes * torch.tensor([image['width'], image['height']] * 2)
        annotations = coco.imgToAnns[record['img_id']]
        right += is_right(pixels, labels, values[:, 0], annotations, category_ids, iou)
        features.append(values)
    return torch.cat(features), torch.tensor(right)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('--ann-file', required=True, help='relative to the data root')
    parser.add_argument('--img-prefix', required=True, help='relative to the data root')
    parser.add_argument('--iou', type=float, default=0.5)
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/calibrate'))
    args = parser.parse_args()
    config = Config.fromfile(args.config)
    records = run_images(args.config, str(args.checkpoint), args.work_dir, ann_file=args.ann_file,
                         cfg_options={'test_dataloader.dataset.data_prefix.img': args.img_prefix})
    model = init_detector(config, str(args.checkpoint), device='cpu')
    coco = COCO(str(Path(config.data_root) / args.ann_file))
    features, right = collect(model, records, coco, config.classes, args.iou)
    try:
        loss = model.bbox_head.calibrate(features, right)
    except ValueError as error:
        sys.exit(str(error))
    checkpoint = torch.load(args.checkpoint, map_location='cpu', weights_only=True)
    checkpoint['state_dict'] |= {f'bbox_head.{name}': value for name, value in model.bbox_head.state_dict().items()}
    write_whole(args.checkpoint, checkpoint)
    print(f'{len(right)} objects, {100 * right.float().mean():.1f} % right, mean negative log-likelihood {loss:.3f}')


if __name__ == '__main__':
    main()
