"""What the demos refuse before anything is loaded."""
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[1] / 'demo'


@pytest.mark.parametrize('option, value, sentence', [
    ('--batch-size', '0', "'0' is no whole number of 1 or more"),
    ('--batch-size', 'two', "'two' is no whole number of 1 or more"),
    ('--out', '{file}', 'lies at or below a file: name a folder'),
    ('--out', '{file}/below', 'lies at or below a file: name a folder')])
def test_a_wrong_option_is_one_sentence(option, value, sentence, tmp_path):
    (tmp_path / 'file').touch()
    done = subprocess.run([sys.executable, str(DEMO / 'detect.py'), option, value.format(file=tmp_path / 'file')],
                          capture_output=True, text=True)
    assert done.returncode == 2 and sentence in done.stderr.splitlines()[-1] and not done.stdout
