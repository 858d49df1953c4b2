"""Fit the scores of a DIVE head on annotated images that are not evaluated, and write them into the checkpoint.

    python tools/misc/calibrate.py CONFIG CHECKPOINT [--images 32]
    python tools/misc/calibrate.py CONFIG CHECKPOINT --ann-file calib.json --img-prefix calib/ [--iou 0.5]

Without --ann-file the images are those of the config's validation part, where it has one apart from the tested part.
The detector inverts them; an object is there when it overlaps an annotation by `--iou` and none of more evidence does.
Scores become P(an object is there) x P(class | it is there). Where most found objects are at no annotation's place,
nothing is fitted unless `--anyway` says so. Interrupted runs go on where they stopped.
"""
import argparse
import sys
from pathlib import Path

import dive_mmdet.threads  # noqa: F401  before torch

import torch
from mmdet.structures.bbox import bbox_overlaps

from dive_mmdet.checkpoints.publishing import write_whole
from dive_mmdet.datasets.annotation_file import AnnotationFile
from dive_mmdet.engine.configured import add_arguments, config_of, held_back
from dive_mmdet.engine.records.record import Image, Record
from dive_mmdet.engine.run import run_test
from dive_mmdet.heads.layout_head import FoundObjects
from dive_mmdet.structures import Inversion


def places(found: FoundObjects, size: torch.Tensor, annotations: list[dict], labels: dict[int, int],
           iou: float) -> list[int | None]:
    """Label of the annotation at the place of each object, -1 where there is none, None where there is a crowd alone.

    An annotation belongs to the object of most evidence that overlaps it by `iou`; a crowd, as in COCO's evaluation,
    excuses all objects of which that part lies in it. Size is width and height twice, and labels are those of the
    categories that count.
    """
    counted = [annotation for annotation in annotations if annotation['category_id'] in labels]
    boxes = torch.tensor([annotation['bbox'] for annotation in counted], dtype=size.dtype).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    is_crowd = torch.tensor([bool(annotation['iscrowd']) for annotation in counted], dtype=torch.bool)
    in_crowd = (bbox_overlaps(found.boxes * size, boxes[is_crowd], mode='iof') >= iou).any(dim=1)
    places = [None if excused else -1 for excused in in_crowd.tolist()]
    free = (~is_crowd).nonzero()[:, 0].tolist()
    overlaps = bbox_overlaps(found.boxes * size, boxes)
    for index in found.evidence.argsort(descending=True).tolist():
        for which in free:
            if overlaps[index, which] >= iou:
                places[index] = labels[counted[which]['category_id']]
                free.remove(which)
                break
    return places


def collect(model, records: dict[Image, Record], coco: AnnotationFile, classes: tuple[str, ...], iou: float):
    """Features (n, F), class features (n, M, 2) and labels of the annotations at the objects' places (n,), -1 for none.

    Objects that a crowd excuses are left out.
    """
    labels = {category['id']: classes.index(category['name']) for category in coco.dataset['categories']
              if category['name'] in classes}
    features, class_features, truth = [], [], []
    for image_id, record in records.items():
        image = coco.imgs[image_id]
        found = model.bbox_head.objects(Inversion.from_plain(record.inversion), 0, model.backbone.vocabulary)
        size = torch.tensor([image['width'], image['height']] * 2, dtype=found.boxes.dtype)
        there = places(found, size, coco.imgToAnns[image_id], labels, iou)
        counted = [index for index, place in enumerate(there) if place is not None]
        truth += [there[index] for index in counted]
        features.append(model.bbox_head.features(found)[counted])
        class_features.append(model.bbox_head.class_features(found)[counted])
    return torch.cat(features), torch.cat(class_features), torch.tensor(truth)


def require_mostly_right(there: torch.Tensor, work_dir: Path) -> None:
    """End with a sentence where most found objects are wrong, or none was found, (n,) bool."""
    if 2 * int(there.sum()) < max(1, len(there)):
        sys.exit(f'STOPPED, nothing is written: {int(there.sum())} of {len(there)} found objects are at the place of '
                 'an annotated one, and scores would be fitted to mistakes. tools/analysis_tools/search_quality.py '
                 f'with --work-dir {work_dir} says whether generator, prior or search is at fault; --anyway fits all '
                 'the same.')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument('--iou', type=float, default=0.5)
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/calibrate'))
    parser.add_argument('--anyway', action='store_true', help='fit even where most found objects are wrong')
    args = parser.parse_args()
    if not args.ann_file and not args.img_prefix:
        args.ann_file, args.img_prefix = held_back(args.config)
    if not (args.ann_file and args.img_prefix):
        sys.exit('Scores are fitted on images that are not evaluated: give --ann-file and --img-prefix.')
    config = config_of(args)
    if 'inverter' not in config.model:
        sys.exit(f'{args.config} searches nothing whose scores could be fitted: give a DIVE config of a detector.')
    print(f'Inverting the images of {args.ann_file}; finished ones are stored in {args.work_dir}.', flush=True)
    run = run_test(config, args.checkpoint, args.work_dir, show=lambda line: print(line, flush=True))
    if run.status:
        print('No scores are fitted while images fail: mend them, or leave them out of the annotations.')
        sys.exit(run.status)
    model, coco = run.model.cpu(), AnnotationFile(config.test_evaluator.ann_file)
    features, class_features, truth = collect(model, run.records, coco, config.classes, args.iou)
    there, vocabulary = truth >= 0, model.backbone.vocabulary
    if not args.anyway:
        require_mostly_right(there, args.work_dir)
    best = vocabulary.class_labels[class_features[there].sum(dim=2).argmax(dim=1)]
    own = vocabulary.class_places(vocabulary.categories(truth[there]) + vocabulary.class_offset)
    try:
        loss, class_loss = model.bbox_head.calibrate(features, there, class_features[there], own)
    except ValueError as error:
        sys.exit(str(error))
    path = Path(args.checkpoint)
    checkpoint = torch.load(path, map_location='cpu', weights_only=True)
    checkpoint['state_dict'] |= {f'bbox_head.{name}': value for name, value in model.bbox_head.state_dict().items()}
    write_whole(path, checkpoint)
    print(f'{len(truth)} objects, {100 * there.float().mean():.1f} % at the place of an annotated one, mean negative '
          f'log-likelihood {loss:.3f}; of those the class of most evidence is right in '
          f'{100 * (best == truth[there]).float().mean():.1f} %, {class_loss:.3f}')


if __name__ == '__main__':
    main()
