"""How far trainings were after so many minutes, from the scalars that the Runner writes."""
import json
from pathlib import Path

import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402


def curve(work_dir: Path, metric: str) -> tuple[list[float], list[float]]:
    """Minutes of training steps at each check, and the metric there, in percent if it is a rate in [0, 1].

    Minutes are those of the steps alone, without checks; a training that was resumed goes on
    where it had stopped.

    Raises:
        FileNotFoundError: the folder has no scalars.
        ValueError: the metric is not among them.
    """
    paths = sorted(work_dir.glob('*/vis_data/scalars.json'))
    if not paths:
        raise FileNotFoundError(f'{work_dir} has no */vis_data/scalars.json: give the work_dir of a training.')
    lines = [json.loads(line) for path in paths for line in path.read_text().splitlines() if line]
    seconds = {line['step']: line['time'] for line in lines if 'loss' in line}  # a repeated step counts once
    values = {line['step']: line[metric] for line in lines if metric in line}
    if not values:
        known = sorted({name for line in lines for name in line if '/' in name})
        raise ValueError(f'{work_dir} has no {metric}: it has {", ".join(known)}.')
    minutes = []
    for step in sorted(values):
        ends = [end for end in sorted(seconds) if end <= step]
        spent = sum(seconds[end] * (end - start) for start, end in zip([0, *ends], ends))
        last = ends[-1] if ends else 0
        after = [seconds[end] for end in sorted(seconds) if end > step][:1]
        minutes.append((spent + (step - last) * sum(after)) / 60)
    scale = 100 if max(values.values()) <= 1 else 1
    return minutes, [scale * values[step] for step in sorted(values)]


def draw(curves: dict[str, tuple[list[float], list[float]]], path: Path) -> None:
    """All curves in one picture."""
    figure, axes = plt.subplots(figsize=(6, 4))
    for name, (minutes, values) in curves.items():
        axes.plot(minutes, values, marker='o', markersize=3, label=name)
    axes.set_xlabel('minutes of training steps')
    axes.set_ylabel('percent')
    axes.set_ylim(0, 100)
    axes.grid(alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, bbox_inches='tight')
    plt.close(figure)
