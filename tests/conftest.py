"""A detector small enough to test everything around it."""
import json
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers.quick_search import QUICK
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(params=['cpu', pytest.param('cuda', marks=pytest.mark.cuda)])
def device(request):
    """Every device that a computation must give the same result on; `pytest -m cuda` runs the GPU's share."""
    return request.param


def pytest_configure():
    # Jobs that a shell starts in the background ignore SIGINT, and so do all their children.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    if not torch.cuda.is_available():
        for item in items:
            if 'cuda' in item.keywords:
                item.add_marker(pytest.mark.skip(reason='there is no GPU'))


@pytest.fixture(scope='session')
def tiny_detector(tmp_path_factory):
    """A tiny configuration with random weights and four images with annotations, true, corrupt and none."""
    root = tmp_path_factory.mktemp('dive')
    rng = np.random.default_rng(0)
    (root / 'images').mkdir()
    images, annotations = [], []
    for index in range(4):
        image = np.zeros((96, 48, 3), np.uint8)
        image[20:50, 10:30] = rng.integers(100, 255, (30, 20, 1))
        cv2.imwrite(str(root / 'images' / f'{index}.png'), image)
        images.append(dict(id=index, file_name=f'{index}.png', height=96, width=48))
        annotations.append(dict(id=index + 1, image_id=index, category_id=3, bbox=[10, 20, 20, 30], area=600,
                                iscrowd=0))
    truth = dict(images=images, annotations=annotations, categories=[dict(id=i, name=str(i)) for i in range(10)])
    wrong = [dict(item, category_id=7, bbox=[1, 1, 5, 5], area=25) for item in annotations]
    for name, content in dict(truth=annotations, corrupt=wrong, none=[]).items():
        (root / f'{name}.json').write_text(json.dumps(dict(truth, annotations=content)))

    config = Config.fromfile(ROOT / 'configs/dive/dive_digit-scenes.py')
    config.model.backbone.denoiser.num_layers = 1
    config.model.inverter, config.model.objective.num_pairs = dict(QUICK, object_cost=-1.0), 2
    config.model.prior.num_layers, config.model.prior_weight = 1, 0.1
    config.test_dataloader.dataset.update(data_root=f'{root}/', ann_file='truth.json', data_prefix=dict(img='images/'))
    config.test_dataloader.batch_size = 2
    config.test_evaluator.ann_file = str(root / 'truth.json')
    config.dump(str(root / 'config.py'))
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(config.model)
    torch.save(dict(state_dict=model.state_dict(), meta=dict(dataset_meta=dict(classes=config.classes))),
               root / 'weights.pth')
    return root
