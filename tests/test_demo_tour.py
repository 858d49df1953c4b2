"""The notebook runs from an image to its inversion, and what it shows is committed."""
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[1] / 'demo/tour.ipynb'
nbformat = pytest.importorskip('nbformat', reason='nbformat is not installed: pip install -e .[test]')


def test_outputs_are_committed_and_small():
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == 'code']
    pictures = [output for cell in cells for output in cell.outputs if 'image/png' in output.get('data', {})]
    assert len(pictures) == 7 and NOTEBOOK.stat().st_size < 600_000
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


def test_it_runs_and_finds_both_digits(tmp_path, monkeypatch):
    nbclient = pytest.importorskip('nbclient', reason='nbclient is not installed: pip install -e .[test]')
    pytest.importorskip('ipykernel', reason='ipykernel is not installed: pip install -e .[test]')
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    monkeypatch.setenv('IPYTHONDIR', str(tmp_path))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=600, resources=dict(metadata=dict(path=NOTEBOOK.parent))).execute()
    said = ''.join(output.get('text', '') for cell in notebook.cells if cell.cell_type == 'code'
                   for output in cell.outputs)
    assert 'digit 8 with score' in said and 'digit 0 with score' in said
