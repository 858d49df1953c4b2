"""The shipped generator on real handwriting: what an image is found to be does not depend on its neighbours."""
from pathlib import Path

import pytest
import torch
from helpers.quick_search import QUICK
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import load_checkpoint

from dive_mmdet.datasets.digit_scenes import DigitSceneComposer

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def detector():
    config = Config.fromfile(ROOT / 'configs/dive/dive_digit-scenes.py')
    config.model.inverter = dict(QUICK, pairs=2, anchors=dict(scales=[0.4], ratios=[1.0, 0.5]), add=dict(rungs=(2,)))
    config.model.objective.num_pairs = 4
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(config.model)
    load_checkpoint(model, str(ROOT / 'weights/dive_digit_scenes.pth'), map_location='cpu')
    return model.eval()


def test_alone_and_among_eight_scenes(detector):
    composer = DigitSceneComposer('val', seed=5)
    images = torch.stack([torch.from_numpy(composer.compose(index)[0]) for index in range(8)])
    images = (images[:, None].expand(-1, 3, -1, -1) / 127.5 - 1).float()
    together = detector.invert(images)
    alone = [detector.invert(image[None]) for image in images]
    assert torch.equal(torch.cat([found.ids for found in alone]), together.ids)
    energy = torch.cat([found.energy for found in alone])
    torch.testing.assert_close(energy, together.energy, rtol=0, atol=1e-5)
    evidence = torch.cat([found.evidence for found in alone])
    torch.testing.assert_close(evidence, together.evidence, rtol=0, atol=1e-5)
    assert bool(detector.backbone.vocabulary.is_present(together.ids).any(dim=1).all())
