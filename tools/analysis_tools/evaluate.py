"""Test a detector or a classifier, keeping what is finished, and print its figures as one row.

    python tools/analysis_tools/evaluate.py CONFIG CHECKPOINT --out work_dirs/NAME [--ann-file val_60.json]
        [--img-prefix val/] [--images 60] [--tuning] [--cfg-options model.objective.precision=bfloat16]

The row is COCO's bbox_mAP, bbox_mAP_50, bbox_mAP_75 and AR, or a classifier's top-1 and top-5, with seconds and network
evaluations an image (a backward counts as two). OUT/report.json holds it with the settings of the search as they were
built; OUT/records are those of a test with `--work-dir OUT`. With --tuning the images are those of the config's
`tuning_dataset`, on which settings are chosen. The same command goes on after an interruption.
"""
import argparse
import json
import sys
from pathlib import Path

from dive_mmdet.engine.asked import add_run_arguments, run_asked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_run_arguments(parser)
    args = parser.parse_args()
    _, run = run_asked(args)
    report = dict(run.metrics, config=args.config, settings=run.settings)
    (args.out / 'report.json').write_text(json.dumps(report, indent=2) + '\n')
    print(f'{Path(args.config).stem}: ' + ', '.join(f'{name} {value:.4g}' for name, value in run.metrics.items()))
    sys.exit(run.status)


if __name__ == '__main__':
    main()
