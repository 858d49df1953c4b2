"""What one command trains is what the demo reads."""
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def commands(monkeypatch, tmp_path):
    """The commands of a run in which every training ends at once."""
    import train_detect
    ran = []

    def run(*command):
        ran.append(tuple(map(str, command)))
        if '--work-dir' in command:
            work_dir = command[command.index('--work-dir') + 1]
            work_dir.mkdir(parents=True)
            (work_dir / 'last_checkpoint').write_text(f'{work_dir}/iter_9.pth')

    monkeypatch.setattr(train_detect, 'run', run)
    monkeypatch.setattr(sys, 'argv', ['train_classify.py', '--work-dir', str(tmp_path)])
    return ran


def test_every_weight_of_the_demo_is_trained_and_published(commands, monkeypatch, tmp_path):
    import classify
    import train_classify
    monkeypatch.chdir(ROOT)
    train_classify.main()
    trained = [command for command in commands if command[0] == 'tools/train.py']
    published = {command[2]: command[1] for command in commands if command[0] == 'tools/misc/publish_weights.py'}
    assert all((ROOT / command[1]).is_file() for command in trained) and len(trained) == 4
    wanted = {f'weights/{"resnet" if method == "resnet" else "dive"}_{data_set}.pth'
              for data_set in classify.DATA_SETS for method in classify.METHODS}
    assert set(published) == wanted and len(set(published.values())) == 4
    for checkpoint in published.values():
        assert Path(checkpoint).parent.parent == tmp_path
    before = len(trained)
    train_classify.main()  # nothing is trained twice
    assert sum(command[0] == 'tools/train.py' for command in commands) == before
