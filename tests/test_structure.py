"""Arrows between the floors point down, as the README draws them, and no imports go in a circle."""
import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def modules(root: Path) -> dict[str, Path]:
    """Files of the package by the names that they are imported by."""
    names = {path: list(path.relative_to(root).with_suffix('').parts) for path in (root / 'dive_mmdet').rglob('*.py')}
    return {'.'.join(parts[:-1] if parts[-1] == '__init__' else parts): path for path, parts in names.items()}


def imported(name: str, known: dict[str, Path]) -> set[str]:
    """Modules of the package that one imports, within functions too."""
    found = set()
    for node in ast.walk(ast.parse(known[name].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # Of `from . import x` in a module, and in an `__init__.py`, whose own name is the package's.
            above = node.level - (known[name].name == '__init__.py')
            base = name.rsplit('.', above)[0] if node.level and above else name if node.level else ''
            base = '.'.join(filter(None, (base, node.module)))
            found |= {f'{base}.{alias.name}' if f'{base}.{alias.name}' in known else base for alias in node.names}
    return found & known.keys() - {name}


def graph(root: Path) -> dict[str, set[str]]:
    known = modules(root)
    return {name: imported(name, known) for name in known}


def floors() -> dict[str, int]:
    """How far down each floor stands in the README's map; those of one line stand side by side."""
    text = (ROOT / 'README.md').read_text()
    map_ = text[text.index('    dive_mmdet/\n'):text.index('    weights/  ')].splitlines()[1:]
    lines = [re.match(r' {6}((?:\w+/(?: +|$))+)', line) for line in map_]
    return {name.rstrip('/'): depth for depth, line in enumerate(lines) if line for name in line[1].split()}


def floor_of(module: str) -> str:
    return module.split('.')[1] if '.' in module else ''


def circle(graph: dict[str, set[str]]) -> list[str] | None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]


def upwards(graph: dict[str, set[str]], depth: dict[str, int]) -> list[tuple[str, str]]:
    """Imports of a module on a higher floor; what is on none may be imported by all, and imports none."""
    return [(name, other) for name, others in graph.items() for other in others
            if depth.get(floor_of(name), max(depth.values()) + 1) > depth.get(floor_of(other), max(depth.values()) + 1)]


def test_the_map_has_every_floor():
    packages = {path.parent.name for path in (ROOT / 'dive_mmdet').glob('*/__init__.py')}
    assert floors().keys() == packages and len(packages) > 10


def test_no_imports_go_in_a_circle():
    assert circle(graph(ROOT)) is None


def test_arrows_only_point_down():
    depth = floors()
    # What detectors and classifiers have in common stands beside them.
    assert upwards(graph(ROOT), {**depth, 'inverting': depth['detectors']}) == []


@pytest.mark.parametrize('line, found', [
    ('from dive_mmdet.detectors.top import x', ('dive_mmdet.layout.low', 'dive_mmdet.detectors.top')),
    ('from ..detectors import top', ('dive_mmdet.layout.low', 'dive_mmdet.detectors.top')),
    ('def f():\n    from ..detectors.top import x', ('dive_mmdet.layout.low', 'dive_mmdet.detectors.top'))])
def test_an_arrow_up_is_seen_in_any_form(tmp_path, line, found):
    for name, text in {'layout/low': line, 'detectors/top': 'from dive_mmdet.layout import low', '__init__': '',
                       'layout/__init__': '', 'detectors/__init__': 'from .top import x'}.items():
        path = tmp_path / f'dive_mmdet/{name}.py'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found_graph = graph(tmp_path)
    assert upwards(found_graph, dict(detectors=0, layout=1)) == [found]
    assert set(circle(found_graph)) == set(found)
