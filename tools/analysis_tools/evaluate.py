"""Test a config image by image, keeping what is finished, and print its figures as one row.

    python tools/analysis_tools/evaluate.py CONFIG CHECKPOINT --out work_dirs/NAME [--ann-file val_60.json] \
        [--img-prefix val/] [--batch-size 8] [--precision bfloat16] \
        [--cfg-options model.backbone.compile=True]

The row is COCO's bbox_mAP, bbox_mAP_50, bbox_mAP_75 and AR, seconds and network evaluations an image (a backward
counts as two), and images. OUT/report.json holds it with the settings of the search. The same command goes on after an
interruption.
"""
import argparse
import contextlib
import io
import json
import warnings
from pathlib import Path

from dive_mmdet.analysis.annotated import add_arguments, configured
from dive_mmdet.engine import evaluate_records, run_images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument('--out', type=Path, required=True)
    parser.add_argument('--batch-size', type=int, default=None)
    parser.add_argument('--precision', default=None, help='of the objective: float32 or bfloat16')
    args = parser.parse_args()
    warnings.filterwarnings('ignore')
    config = configured(args)
    dataset = config.test_dataloader.dataset
    records = run_images(args.config, args.checkpoint, args.out / 'records', ann_file=dataset.ann_file,
                         batch_size=args.batch_size, precision=args.precision,
                         show=lambda line: print(f'    {line}', flush=True),
                         cfg_options={'test_dataloader.dataset.data_prefix.img': dataset.data_prefix.img,
                                      **args.cfg_options})
    with contextlib.redirect_stdout(io.StringIO()):
        row = evaluate_records(records, str(Path(dataset.data_root) / dataset.ann_file), tuple(config.classes))
    settings = dict(config=args.config, precision=args.precision, hooks=config.get('custom_hooks', []))
    (args.out / 'report.json').write_text(json.dumps(dict(row, **settings), indent=2) + '\n')
    print(f'{Path(args.config).stem}: ' + ', '.join(f'{name} {value:.4g}' for name, value in row.items()))


if __name__ == '__main__':
    main()
