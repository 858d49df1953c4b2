# The row of the new class from a few boxes, everything else frozen: `python tools/train.py` with this file. Other
# boxes: `--cfg-options train_dataloader.dataset.ann_file=few_1.json`.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/digit_scenes.py',
          '../_base_/models/layout_box-channels_64.py', '../_base_/schedules/generator.py', './data.py']
work_dir = 'work_dirs/new_class/learn'

model = dict(
    type='NewClassModel', _scope_='dive_mmdet',
    data_preprocessor={{_base_.generator_preprocessor}},
    generator='work_dirs/new_class/before.pth',  # the detector's checkpoint without the class, or the generator's
    classes={{_base_.all_classes}},
    trainer=dict(
        type='GeneratorModel',
        backbone=dict(_base_.generator, vocabulary=dict(
            _base_.generator.vocabulary, num_classes=len(_base_.all_classes), num_added=1)),
        loss=dict(space='v_prediction'),  # all timesteps alike, as the generator was trained last
        precision='bfloat16'))

max_iters = 200
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters)
train_dataloader = dict(
    batch_size=16, sampler=dict(shuffle=True),  # other noise each time, however few images there are
    dataset=dict(
        _base_.few_boxes, _delete_=True, num_objects={{_base_.num_objects}},
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='Resize', scale=(_base_.image_size, _base_.image_size), keep_ratio=False),
            {{_base_.pack}},
        ]))
optim_wrapper = dict(optimizer=dict(lr=0.05, weight_decay=0.0))
param_scheduler = [dict(type='CosineAnnealingLR', by_epoch=False, begin=0, end=max_iters, eta_min=1e-4)]
default_hooks = dict(checkpoint=dict(interval=max_iters, max_keep_ckpts=1))
val_dataloader = val_cfg = val_evaluator = None
test_dataloader = test_cfg = test_evaluator = None
