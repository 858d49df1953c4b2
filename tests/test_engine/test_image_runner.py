"""Records of images that other tools read."""
import pytest
from mmengine.config import Config

from dive_mmdet.engine import image_runner


def test_the_loop_of_the_tests_is_no_part_of_the_key(tiny_detector, tmp_path, monkeypatch):
    """Records that were made before configs named another loop are still taken."""
    keys = set()
    monkeypatch.setattr(image_runner.RecordStore, 'get', lambda store, _: keys.add(store.key) or dict(key=store.key))
    config = Config.fromfile(tiny_detector / 'config.py')
    for loop, labels in (('TestLoop', 3), ('dive_mmdet.ResumableTestLoop', 3), ('TestLoop', 1)):
        config.test_cfg, config.model.bbox_head.labels_per_object = dict(type=loop), labels
        config.dump(str(tmp_path / 'config.py'))
        image_runner.run_images(str(tmp_path / 'config.py'), str(tiny_detector / 'weights.pth'), tmp_path / 'records',
                                show=lambda line: None)
    assert len(keys) == 2


def test_a_missing_checkpoint_is_one_sentence_and_leaves_nothing(tiny_detector, tmp_path):
    with pytest.raises(FileNotFoundError, match='^No checkpoint at .*nothing.pth: give one that is there.$'):
        image_runner.run_images(str(tiny_detector / 'config.py'), str(tmp_path / 'nothing.pth'), tmp_path / 'records')
    assert not (tmp_path / 'records').exists()
