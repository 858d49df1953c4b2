"""One-channel images through the framework's doors find what the same images find in three channels."""
import cv2
import numpy as np
import pytest
from mmdet.apis import DetInferencer
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, MODELS, DefaultScope
from mmengine.runner import load_checkpoint


@pytest.fixture(scope='module')
def inferencer(tiny_detector):
    return DetInferencer(model=str(tiny_detector / 'config.py'), weights=str(tiny_detector / 'weights.pth'),
                         device='cpu', show_progress=False)


def test_the_inferencer_takes_grey_arrays(inferencer, tiny_detector, tmp_path):
    path = str(tiny_detector / 'images/0.png')
    grey = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    assert grey.shape == (96, 48)
    expected, = inferencer(path, no_save_vis=True)['predictions']
    assert expected['bboxes']
    for array in (grey, grey[..., None]):
        assert inferencer(array, no_save_vis=True)['predictions'] == [expected]
    inferencer(grey, out_dir=str(tmp_path))
    assert list(tmp_path.glob('vis/*'))


@pytest.mark.parametrize('array, sentence', [
    (np.zeros((9, 9, 4), np.uint8), 'has 4 channels: give grey or colour images'),
    (np.eye(9, dtype=np.float32), 'has float32 values from 0 to 1: scale them to 0 to 255'),
    (np.eye(9) * 4095, 'has float64 values from 0 to .*: scale them to 0 to 255')])
def test_the_inferencer_refuses_other_arrays_in_a_sentence(inferencer, array, sentence):
    with pytest.raises(ValueError, match=sentence):
        inferencer(array, no_save_vis=True)


def test_files_read_as_grey_find_the_same(tiny_detector):
    found = {}
    for color_type in ('color', 'grayscale'):
        config = Config.fromfile(tiny_detector / 'config.py')
        config.test_dataloader.dataset.pipeline[0].color_type = color_type
        with DefaultScope.overwrite_default_scope('mmdet'):
            model, dataset = MODELS.build(config.model), DATASETS.build(config.test_dataloader.dataset)
        load_checkpoint(model, str(tiny_detector / 'weights.pth'))
        found[color_type] = [sample.pred_instances for sample in model.eval().test_step(
            pseudo_collate([dataset[index] for index in range(2)]))]
    for grey, colour in zip(found['grayscale'], found['color']):
        assert len(grey) and all((grey[name] == colour[name]).all() for name in ('bboxes', 'labels', 'scores'))
