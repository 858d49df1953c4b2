"""The detector through the framework's own doors. The generator is untrained: what counts is that all doors agree."""
import subprocess
import sys
from pathlib import Path

import mmdet
import numpy as np
import pytest
import torch
from mmdet.apis import DetInferencer, init_detector
from mmengine.config import Config
from mmengine.fileio import load
from mmengine.registry import MODELS, DefaultScope

from dive_mmdet.checkpoints.loading import WeightsMismatch
from dive_mmdet.detectors import DIVEDetector
from dive_mmdet.engine.configured import load_config
from dive_mmdet.engine.run import run_test

ROOT = Path(__file__).resolve().parents[2]
TOOLS = dict(ours=ROOT / 'tools/test.py', mmdet=Path(mmdet.__file__).parent / '.mim/tools/test.py')


def build(config: Config):
    with DefaultScope.overwrite_default_scope('mmdet'):
        return MODELS.build(config.model)


@pytest.fixture(scope='module')
def work(tiny_detector):
    return tiny_detector


def run(root, out, ann_file='truth.json'):
    """What a test found, by boxes, labels and scores of every image."""
    config = load_config(str(root / 'config.py'), ann_file=ann_file)
    records = run_test(config, root / 'weights.pth', root / out, show=lambda line: None).records
    return [tuple(map(list, zip(*((box, label, score) for box, score, label in record.detections))))
            for record in records.values()]


def detections(records):
    return [(record['bboxes'], record['labels'], record['scores']) for record in records]


def assert_same(expected, found):
    assert len(expected) == len(found)
    for (boxes, labels, scores), (own_boxes, own_labels, own_scores) in zip(expected, found):
        assert labels == own_labels
        np.testing.assert_allclose(boxes, own_boxes, atol=1e-4)
        np.testing.assert_allclose(scores, own_scores, atol=1e-5)


def test_ground_truth_changes_no_prediction(work):
    plain = run(work, 'plain')
    assert all(boxes for boxes, _, _ in plain)
    assert plain == run(work, 'corrupt', 'corrupt.json')
    assert plain == run(work, 'none', 'none.json')


def test_boxes_are_in_pixels_of_the_original_image(work):
    for boxes, _, scores in run(work, 'plain'):
        boxes = np.array(boxes)
        assert (boxes >= 0).all() and (boxes[:, [0, 2]] <= 48).all() and (boxes[:, [1, 3]] <= 96).all()
        # A box that is square on the generator's grid is twice as high as wide in these images.
        assert boxes[:, 3].max() > 0.3 * 96 and all(0 <= score <= 1 for score in scores)


def test_finished_images_are_not_computed_again(work, monkeypatch):
    first = run(work, 'again')
    monkeypatch.setattr(DIVEDetector, 'predict', lambda *_: pytest.fail('computed again'))
    assert run(work, 'again') == first


def test_inferencer_predicts_the_same(work):
    inferencer = DetInferencer(model=str(work / 'config.py'), weights=str(work / 'weights.pth'), device='cpu',
                               show_progress=False)
    paths = [str(work / 'images' / f'{index}.png') for index in range(4)]
    found = inferencer(paths, batch_size=2, no_save_vis=True)['predictions']
    assert_same(run(work, 'plain'), detections(found))


@pytest.mark.parametrize('tool, hooks', [('ours', 'with'), ('mmdet', 'without')])
def test_test_tools_predict_the_same_with_and_without_hooks(work, tool, hooks):
    config = Config.fromfile(work / 'config.py')
    if hooks == 'without':
        config.custom_hooks = []
    path, out = work / f'{tool}_{hooks}.py', work / f'{tool}_{hooks}.pkl'
    config.dump(str(path))
    done = subprocess.run([sys.executable, str(TOOLS[tool]), str(path), str(work / 'weights.pth'), '--out', str(out),
                           '--work-dir', str(work / out.stem)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    found = [{key: value.tolist() for key, value in sample['pred_instances'].items()} for sample in load(out)]
    assert_same(run(work, 'plain'), detections(found))


@pytest.mark.parametrize('key', ['backbone.table.weight', 'prior.norm.weight', 'bbox_head.feature_mean'])
def test_a_checkpoint_without_a_part_is_refused_by_name(work, tmp_path, key):
    checkpoint = torch.load(work / 'weights.pth', weights_only=True)
    del checkpoint['state_dict'][key]
    torch.save(checkpoint, tmp_path / 'partial.pth')
    with pytest.raises(WeightsMismatch, match=key):
        init_detector(str(work / 'config.py'), str(tmp_path / 'partial.pth'), device='cpu')


def test_inference_mode_of_the_caller_is_survived(work):
    model = init_detector(str(work / 'config.py'), str(work / 'weights.pth'), device='cpu')
    images = torch.rand(1, 3, 64, 64) * 2 - 1
    expected = model.invert(images)
    with torch.inference_mode():
        found = model.invert(images.clone())
    assert torch.equal(expected.ids, found.ids)


def test_without_an_inverter_the_sentence_names_its_key(work):
    config = Config.fromfile(work / 'config.py')
    config.model.pop('inverter')
    model = build(config)
    with pytest.raises(RuntimeError, match='DIVEDetector has no search: set `model.inverter`'):
        model.invert(torch.zeros(1, 3, 64, 64))
    with pytest.raises(RuntimeError, match='own configs'):
        model.loss(torch.zeros(1, 3, 64, 64), [])
