"""Through mmpretrain's own tools, and beside detection in one process."""
import pickle
import runpy
import sys
from pathlib import Path

import mmpretrain
import pytest
import torch
from helpers.tiny_classifier import config as tiny
from mmdet.registry import MODELS as MMDET_MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmpretrain import ImageClassificationInferencer
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS

from dive_mmdet.datasets import DigitStringComposer

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / 'configs'
TOOLS = dict(ours=ROOT / 'tools/test.py', mmpretrain=Path(mmpretrain.__file__).parent / '.mim/tools/test.py')
COMPOSER = dict(split='val', num_digits=1, side=8)


def classifier_config(work_dir) -> Config:
    """Ten classes, images of 8 x 8, on which an untrained network decides."""
    config = Config.fromfile(CONFIGS / '_base_/default_runtime_cls.py')
    config.merge_from_dict(tiny('exhaustive').to_dict())
    config.model.backbone.num_classes = 10
    config.test_dataloader = dict(
        batch_size=4, num_workers=0, collate_fn=dict(type='default_collate'),
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(type='dive_mmdet.DigitStringDataset', num_images=6, composer=COMPOSER,
                     pipeline=[dict(type='PackInputs', meta_keys=('img_id',))]))
    config.test_evaluator = dict(type='Accuracy', topk=(1, 5))
    config.test_cfg, config.work_dir = dict(type='TestLoop'), str(work_dir)
    return config


@pytest.fixture(scope='module')
def work(tmp_path_factory):
    """Configs with and without hooks, and weights."""
    work = tmp_path_factory.mktemp('classifier')
    config = classifier_config(work)
    config.dump(work / 'with_hooks.py')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        torch.manual_seed(0)
        model = MMPRETRAIN_MODELS.build(config.model)
    for parameter in model.parameters():  # many start at zero
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.3)
    torch.save(dict(state_dict=model.state_dict(), meta={}), work / 'weights.pth')
    config.pop('custom_hooks')
    config.dump(work / 'without_hooks.py')
    return work


def run_tool(monkeypatch, tool: str, *arguments) -> None:
    monkeypatch.setattr(sys, 'argv', [tool, *map(str, arguments)])
    monkeypatch.setattr(sys, 'path', [str(TOOLS[tool].parent), *sys.path])
    runpy.run_path(str(TOOLS[tool]), run_name='__main__')


@pytest.mark.parametrize('tool, config', [
    ('ours', 'with_hooks'), ('mmpretrain', 'with_hooks'), ('mmpretrain', 'without_hooks')])
def test_tools_and_inferencer_predict_the_same(work, monkeypatch, tool, config):
    run_tool(monkeypatch, tool, work / f'{config}.py', work / 'weights.pth', '--work-dir', work / 'run',
             '--out', work / 'out.pkl')
    found = pickle.loads((work / 'out.pkl').read_bytes())
    images = [DigitStringComposer(**COMPOSER).compose(index)[0] for index in range(6)]
    infer = ImageClassificationInferencer(str(work / 'with_hooks.py'), str(work / 'weights.pth'), device='cpu')
    inferred = infer([image[..., None].repeat(3, axis=2) for image in images], batch_size=3)
    assert len(found) == 6
    for sample, other in zip(found, inferred):
        assert int(sample['pred_label']) == int(other['pred_label'])
        torch.testing.assert_close(torch.as_tensor(sample['pred_score']), torch.as_tensor(other['pred_scores']))


def trained(path: Path, work_dir: Path, batch_size: int = 4, **model) -> tuple[dict, dict]:
    """Weights before and after two iterations of a shipped training, made small."""
    config = Config.fromfile(path)
    config.merge_from_dict(dict(model=dict(backbone=model)))
    config.model.backbone.pop('compile', None)
    config.train_cfg.update(max_iters=2, val_interval=9)
    config.train_dataloader.batch_size = batch_size
    config.val_dataloader = config.val_cfg = config.val_evaluator = None
    config.test_dataloader = config.test_cfg = config.test_evaluator = None
    config.work_dir, config.experiment_name = str(work_dir / path.stem), path.stem
    runner = Runner.from_cfg(config)
    before = {name: value.clone() for name, value in runner.model.state_dict().items()}
    runner.train()
    return before, runner.model.state_dict()


def detections(detector) -> torch.Tensor:
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(3)) * 2 - 1
    return detector.invert(images).energy


def test_detection_and_classification_train_and_infer_in_one_process(work, tmp_path):
    """In turns, each in its framework's scope; what one predicts does not change after the other ran."""
    detection = Config.fromfile(CONFIGS / 'dive/dive_gradient_digit-scenes.py')
    detection.model.backbone.denoiser.num_layers = 1
    detection.model.inverter.loops, detection.model.objective.num_pairs = 1, 2
    with DefaultScope.overwrite_default_scope('mmdet'):
        torch.manual_seed(0)
        detector = MMDET_MODELS.build(detection.model).eval()
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(4)) * 2 - 1
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        classifier = MMPRETRAIN_MODELS.build(classifier_config(tmp_path).model).eval()
    first = detections(detector), classifier(images)
    layer = dict(denoiser=dict(num_layers=1))
    for path in ('generator/layout_box-channels_digit-scenes.py', 'class_generator/dit_digit-strings-1000.py') * 2:
        before, after = trained(CONFIGS / path, tmp_path, **layer)
        assert any(not torch.equal(before[name], after[name]) for name in before)
        assert torch.equal(detections(detector), first[0]) and torch.equal(classifier(images), first[1])
