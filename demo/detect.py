"""The main job: DIVE and Faster R-CNN on the same real handwriting, scored by the same COCO evaluator.

    python demo/detect.py [--ann-file val_32.json] [--out work_dirs/demo] [--batch-size 8] [--precision float32] \
        [--compile]

Writes OUT/report.json, OUT/detections.png (ground truth, DIVE and Faster R-CNN for 12 scenes) and OUT/inversion.png
(the course of one inversion). A finished image is on disk at once and skipped when the command is repeated.
"""
import argparse
import contextlib
import io
import json
import os
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

METHODS = {
    'dive': ('configs/dive/dive_proposal_digit-scenes.py', 'weights/dive_digit_scenes.pth'),
    'faster_rcnn': ('configs/faster_rcnn/faster-rcnn_r18_digit-scenes.py', 'weights/faster_rcnn_digit_scenes.pth'),
}
COLUMNS = ('bbox_mAP', 'bbox_mAP_50', 'bbox_mAP_75', 'AR', 'seconds_per_image', 'nfe_per_image', 'images')


def detect(out: Path, ann_file: str, batch_size: int, precision: str,
           compiled: bool) -> tuple[dict[str, list], dict[str, dict]]:
    """Records and scores of all methods."""
    from mmengine.config import Config

    from dive_mmdet.engine import evaluate_records, run_images
    records, report = {}, {}
    for name, (config, checkpoint) in METHODS.items():
        print(f'{name}: {ann_file} with {config}', flush=True)
        if not (ROOT / checkpoint).is_file():
            sys.exit(f'{checkpoint} is missing: check out the repository whole, or make it with `make train-demo`.')
        records[name] = run_images(str(ROOT / config), str(ROOT / checkpoint), out / name, ann_file, batch_size,
                                   precision, {'model.backbone.compile': True} if compiled and name == 'dive' else {},
                                   show=lambda line: print(f'    {line}', flush=True))
        cfg = Config.fromfile(ROOT / config)
        with contextlib.redirect_stdout(io.StringIO()):
            report[name] = evaluate_records(records[name], cfg.data_root + ann_file, tuple(cfg.classes))
    return records, report


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
    parser.add_argument('--out', type=Path, default=Path('work_dirs/demo'))
    parser.add_argument('--batch-size', type=int, default=8)
    parser.add_argument('--precision', default='auto',
                        help="of DIVE's objective; by default bfloat16 where this machine multiplies it in hardware")
    parser.add_argument('--compile', action='store_true', help='the generator: worth it from about 60 images on')
    args = parser.parse_args()
    args.out = args.out.resolve()
    os.chdir(ROOT)
    warnings.filterwarnings('ignore')
    from dive_mmdet.datasets.digit_scene_files import make
    data = Path('data/digit_scenes')
    print(f'{data}: sha256 {make(data)[:16]}', flush=True)
    if not (data / args.ann_file).is_file():
        sys.exit(f'{data / args.ann_file} is missing: choose one of '
                 f'{", ".join(sorted(path.name for path in data.glob("*.json")))}.')
    from dive_mmdet.diffusion.precision import fastest_precision
    precision = fastest_precision() if args.precision == 'auto' else args.precision
    print(f'precision of the objective: {precision}', flush=True)
    records, report = detect(args.out, args.ann_file, args.batch_size, precision, args.compile)
    (args.out / 'report.json').write_text(json.dumps(report, indent=2) + '\n')
    from dive_mmdet.analysis.detection_pictures import draw_course, draw_detections
    draw_detections(records, data / 'val', data / args.ann_file, args.out / 'detections.png')
    draw_course(records['dive'], data / 'val', METHODS['dive'][0], args.out / 'inversion.png')
    print('\n' + table(report))
    print(f'\n{args.out / "report.json"}, detections.png and inversion.png beside it')


if __name__ == '__main__':
    main()
