"""Rows of `evaluate.py` as one Markdown table, the first one what the others are compared with.

    python tools/analysis_tools/ablation_table.py work_dirs/ablations/*

Each folder holds the report.json of one run. The last column is the difference in bbox_mAP from the first row.
"""
import argparse
import json
import sys
from pathlib import Path

COLUMNS = {'bbox_mAP': '{:.3f}', 'bbox_mAP_50': '{:.3f}', 'bbox_mAP_75': '{:.3f}', 'AR': '{:.3f}',
           'nfe_per_image': '{:,.0f}', 'seconds_per_image': '{:.1f}', 'images': '{:d}'}


def precision(report: dict) -> str | None:
    """Of the objective, None of a model that searches nothing."""
    return report['settings'].get('objective', {}).get('precision')


def table(reports: dict[str, dict]) -> str:
    """Markdown from reports by name.

    Raises:
        ValueError: the rows were not measured alike.
    """
    first = next(iter(reports.values()))
    for name, report in reports.items():
        for what, of in (('images', lambda row: row['images']), ('precision', precision)):
            if of(report) != of(first):
                raise ValueError(f'{name} has {what}={of(report)} and the first row {of(first)}: measure all rows '
                                 'alike.')
    lines = ['| | ' + ' | '.join([*COLUMNS, 'difference']) + ' |', '| --- ' * (len(COLUMNS) + 2) + '|']
    for name, report in reports.items():
        cells = [form.format(report[column]) for column, form in COLUMNS.items()]
        lines.append(f'| {name} | ' + ' | '.join(cells) + f' | {report["bbox_mAP"] - first["bbox_mAP"]:+.3f} |')
    return '\n'.join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folders', type=Path, nargs='+')
    args = parser.parse_args()
    missing = [str(folder) for folder in args.folders if not (folder / 'report.json').is_file()]
    if missing:
        sys.exit(f'No report.json in {", ".join(missing)}: finish `evaluate.py --out` there first.')
    try:
        print(table({folder.name: json.loads((folder / 'report.json').read_text()) for folder in args.folders}))
    except ValueError as error:
        sys.exit(str(error))


if __name__ == '__main__':
    main()
