"""The same loop under mmpretrain: stacked batches, images without ids, accuracy."""
import json
import os
import signal

import cv2
import fault_harness as harness  # noqa: E402
import numpy as np
import pytest
import torch
from helpers.without import run_without
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

CLASSES = ('ant', 'bee', 'cow')


@pytest.fixture(scope='module')
def job(tmp_path_factory):
    """Three classes of three images, and a classifier that knows nothing."""
    root, rng = tmp_path_factory.mktemp('classes'), np.random.default_rng(0)
    for name in CLASSES:
        (root / 'images' / name).mkdir(parents=True)
        for index in range(3):
            cv2.imwrite(str(root / f'images/{name}/{index}.png'), rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    config = Config(dict(
        default_scope='mmpretrain', custom_imports=dict(imports=['dive_mmdet']),
        custom_hooks=[dict(type='dive_mmdet.InversionHook')],
        model=dict(
            type='dive_mmdet.DIVEClassifier', _scope_='mmpretrain',
            inverter=dict(type='dive_mmdet.ExhaustiveEnumeration'), objective=dict(num_pairs=4),
            data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3),
            backbone=dict(
                type='dive_mmdet.ClassGenerator', num_classes=3, row_dim=16,
                first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=1),
                schedule=dict(type='dive_mmdet.NoiseSchedule'),
                denoiser=dict(type='dive_mmdet.DiT', sample_size=8, channels=1, patch_size=2, width=16, num_layers=1,
                              num_heads=2)),
            head=dict(type='dive_mmdet.ClassHead')),
        test_dataloader=dict(
            batch_size=2, num_workers=1, collate_fn=dict(type='default_collate'),
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dict(type='CustomDataset', data_root=str(root), data_prefix='images',
                         metainfo=dict(classes=CLASSES),
                         pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')])),
        test_evaluator=dict(type='Accuracy', topk=(1, 2)), test_cfg=dict(type='dive_mmdet.ResumableTestLoop')))
    config.dump(str(root / 'config.py'))
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        state = MODELS.build(config.model).state_dict()
    torch.save(dict(state_dict={name: torch.randn_like(value) if name.startswith('backbone.denoiser') else value
                                for name, value in state.items()}), root / 'weights.pth')
    return harness.Job(root / 'config.py', root / 'weights.pth', {'test_dataloader.batch_size': 2})


def test_a_classifier_is_tested_without_mmdet(job, tmp_path):
    assert job.finish(tmp_path / 'with') == [0]
    done = run_without('mmdet', 'tools/test.py', job.config, job.checkpoint, '--work-dir', tmp_path / 'without')
    assert done.returncode == 0, done.stderr
    assert harness.predictions(tmp_path / 'without') == harness.predictions(tmp_path / 'with')


def test_killed_and_resumed_with_workers_and_a_corrupt_image(job, tmp_path):
    assert job.finish(tmp_path / 'whole') == [0], harness.said(tmp_path / 'whole')[-2000:]
    expected = harness.predictions(tmp_path / 'whole')
    assert len(expected) == 9 and len({str(one) for one in expected.values()}) == 9
    process = job.start(tmp_path / 'killed')
    harness.wait_until_begun(tmp_path / 'killed', 3, process)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert job.finish(tmp_path / 'killed', **{'test_cfg.resume': True}) == [0]
    assert harness.predictions(tmp_path / 'killed') == expected
    assert harness.metrics(tmp_path / 'killed') == harness.metrics(tmp_path / 'whole')

    image = job.config.parent / 'images/bee/1.png'
    image.write_bytes(b'no image')
    assert job.finish(tmp_path / 'corrupt') == [3]
    assert f'image {image}: ' in harness.said(tmp_path / 'corrupt')
    right = json.loads((tmp_path / 'corrupt/records/rank_0.jsonl').read_text().splitlines()[1])
    assert right['truth'] == [0] and len(right['found']['fields']['pred_score']['tensor']) == 3
