"""The verdict on a generator: the shipped one, the same with wrong heads, and with shuffled class rows."""
import json
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / 'weights/dive_digit_scenes.pth'
CONFIG = ROOT / 'configs/dive/dive_digit-scenes.py'


@pytest.mark.parametrize('rates, counts, deaf', [
    (dict(shuffled=100, shifted=100, swapped=93.75), 16, []),
    (dict(shuffled=81.25, shifted=50, swapped=75), 16, ['shuffled', 'shifted', 'swapped']),
    (dict(shuffled=100, shifted=68, swapped=82), 50, ['shifted']),
    (dict(shuffled=100, shifted=100), 16, []),
])
def test_what_chance_explains_is_not_listening(rates, counts, deaf):
    from dive_mmdet.analysis.verdict import deaf_to
    chance = {kind: 40.0 for kind in rates}
    assert deaf_to({'best': rates, **{str(row): chance for row in range(14)}}, dict.fromkeys(rates, counts)) == deaf


def test_so_many_images_it_takes_to_tell_from_chance():
    from dive_mmdet.analysis.verdict import deaf_to, fewest_images
    few = fewest_images(18)
    for count, deaf in ((few, []), (few - 1, ['shuffled'])):
        assert deaf_to({str(row): dict(shuffled=100) for row in range(18)}, dict(shuffled=count)) == deaf


def test_heads_that_the_weights_allow():
    from dive_mmdet.analysis.verdict import head_counts
    assert list(head_counts(dict(width=24))) == [1, 2, 4, 8]
    assert list(head_counts(dict(base_channels=128, channel_mult=[1, 2, 3, 4]))) == [1, 2, 4, 8, 16, [4, 8, 12, 16]]


def test_wrong_heads_are_named_before_anything_else():
    from dive_mmdet.analysis.verdict import verdict
    good, sentence = verdict(['shifted'], {'1': 0.5, '[4, 8]': 0.25}, 1)
    assert not good and 'WRONG HEADS: with num_heads=[4, 8]' in sentence
    good, sentence = verdict(['shifted', 'swapped'], {'1': 0.5, '[4, 8]': 0.25}, [4, 8])
    assert not good and 'DOES NOT LISTEN to the boxes and the classes' in sentence
    assert verdict([], {'1': 0.5}, 1)[0]


@pytest.fixture(scope='module')
def scenes(tmp_path_factory):
    """Sixteen scenes of training digits, as the tool reads them."""
    from dive_mmdet.datasets.digit_scene_files import make
    root = tmp_path_factory.mktemp('scenes')
    make(root, {'calib': ('train', 1, 16)}, {})
    return root


def shuffled(path):
    """The shipped weights with the rows of their table, which are classes, in another order."""
    checkpoint = torch.load(WEIGHTS, weights_only=True)
    table = checkpoint['state_dict']['backbone.table.weight']
    table.copy_(table[torch.randperm(len(table), generator=torch.Generator().manual_seed(0))])
    torch.save(checkpoint, path)
    return path


@pytest.mark.parametrize('case, heads, sentence', [
    ('good', 4, 'LISTENS'), ('heads', 1, 'WRONG HEADS: with num_heads=4'),
    ('rows', 4, 'DOES NOT LISTEN to the classes'),
])
def test_the_shipped_generator_is_told_from_broken_ones(scenes, tmp_path, monkeypatch, capsys, case, heads, sentence):
    import check_generator
    weights = shuffled(tmp_path / 'shuffled.pth') if case == 'rows' else WEIGHTS
    monkeypatch.setattr(sys, 'argv', [
        'check_generator.py', str(CONFIG), str(weights), '--ann-file', 'calib.json', '--img-prefix', 'calib/',
        '--images', '16', '--pairs', '6', '--labels', '1', '--out', str(tmp_path / 'check'), '--cfg-options',
        f'test_dataloader.dataset.data_root={scenes}', f'model.backbone.denoiser.num_heads={heads}'])
    with pytest.raises(SystemExit) as stop:
        check_generator.main()
    assert stop.value.code == (case != 'good')
    written = json.loads((tmp_path / 'check.json').read_text())
    assert written['verdict'].startswith(sentence) and written['verdict'] in capsys.readouterr().out
    if case == 'good':
        for energy in written['energy_by_timestep'].values():  # the truth explains more than nothing, and than another
            assert 0 < energy['true'] < energy['empty'] and energy['true'] < energy['shuffled']
        assert len(written['energy_by_timestep']) == 6
    assert min(written['by_heads'], key=written['by_heads'].get) == '4' and (tmp_path / 'check.png').is_file()
