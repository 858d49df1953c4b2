"""The main job: DIVE and Faster R-CNN on the same real handwriting, scored by the same COCO evaluator.

    python demo/detect.py [--ann-file val_32.json] [--out work_dirs/demo] [--batch-size 8] [--precision float32] \
        [--compile]

Writes OUT/report.json, OUT/detections.png (ground truth, DIVE and Faster R-CNN for 12 scenes) and OUT/inversion.png
(the course of one inversion). A finished image is on disk at once and skipped when the command is repeated.
"""
from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from dive_mmdet.arguments import at_least_one, folder

if TYPE_CHECKING:  # what takes seconds to import comes after the first line that is printed
    from dive_mmdet.engine.run import Run

ROOT = Path(__file__).resolve().parent.parent

METHODS = {
    'dive': ('configs/dive/dive_digit-scenes.py', 'weights/dive_digit_scenes.pth'),
    'faster_rcnn': ('configs/faster_rcnn/faster-rcnn_r18_digit-scenes.py', 'weights/faster_rcnn_digit_scenes.pth'),
}
COLUMNS = ('bbox_mAP', 'bbox_mAP_50', 'bbox_mAP_75', 'AR', 'seconds_per_image', 'nfe_per_image', 'images')


def detect(out: Path, ann_file: str, batch_size: int, precision: str, compiled: bool) -> dict[str, Run]:
    """The runs of all methods."""
    from dive_mmdet.engine.configured import load_config
    from dive_mmdet.engine.run import run_test
    runs = {}
    for name, (config, checkpoint) in METHODS.items():
        print(f'{name}: {ann_file} with {config}', flush=True)
        if not Path(checkpoint).is_file():
            sys.exit(f'{checkpoint} is missing: check out the repository whole, or make it with `make train-demo`.')
        options = {'test_dataloader.batch_size': batch_size, 'test_cfg.log_seconds': 10.0,
                   'test_dataloader.batch_sampler': dict(type='dive_mmdet.FirstAloneBatchSampler')}
        if name == 'dive':
            options |= {'model.objective.precision': precision, 'model.backbone.compile': compiled}
        runs[name] = run_test(load_config(config, options, ann_file), checkpoint, out / name,
                              show=lambda line: print(f'    {line}', flush=True))
    return runs


def table(report: dict[str, dict]) -> str:
    """The report as text, a row a method."""
    lines = ['  '.join([f'{"":12s}', *(f'{column:>17s}' for column in COLUMNS)])]
    for name, values in report.items():
        cells = [f'{values[c]:17d}' if c == 'images' else f'{values[c]:17.3f}' for c in COLUMNS]
        lines.append('  '.join([f'{name:12s}', *cells]))
    return '\n'.join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--ann-file', default='val_32.json', help='of data/digit_scenes: val.json, val_60.json, ...')
    parser.add_argument('--out', type=folder, default=folder('work_dirs/demo'))
    parser.add_argument('--batch-size', type=at_least_one, default=8)
    parser.add_argument('--precision', default='auto',
                        help="of DIVE's objective; by default bfloat16 where this machine multiplies it in hardware")
    parser.add_argument('--compile', action='store_true', help='the generator: worth it from about 60 images on')
    args = parser.parse_args()
    os.chdir(ROOT)
    warnings.filterwarnings('ignore')
    print('loading torch and the frameworks', flush=True)
    from dive_mmdet.datasets.digit_scene_files import make
    data = Path('data/digit_scenes')
    print(f'{data}: sha256 {make(data)[:16]}', flush=True)
    if not (data / args.ann_file).is_file():
        sys.exit(f'{data / args.ann_file} is missing: choose one of '
                 f'{", ".join(sorted(path.name for path in data.glob("*.json")))}.')
    from dive_mmdet.diffusion.precision import fastest_precision
    precision = fastest_precision() if args.precision == 'auto' else args.precision
    print(f'precision of the objective: {precision}', flush=True)
    runs = detect(args.out, args.ann_file, args.batch_size, precision, args.compile)
    records, report = ({name: getattr(run, what) for name, run in runs.items()} for what in ('records', 'metrics'))
    (args.out / 'report.json').write_text(json.dumps(report, indent=2) + '\n')
    from dive_mmdet.analysis.detection_pictures import draw_course, draw_detections
    draw_detections(records, data / 'val', data / args.ann_file, args.out / 'detections.png')
    draw_course(records['dive'].values(), data / 'val', METHODS['dive'][0], args.out / 'inversion.png')
    print('\n' + table(report))
    print(f'\n{args.out / "report.json"}, detections.png and inversion.png beside it')
    sys.exit(max(run.status for run in runs.values()))


if __name__ == '__main__':
    main()
