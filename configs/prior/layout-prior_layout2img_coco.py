# p(layout) of COCO over the rows of the layout-to-image model's table. Untested at length.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/coco_layouts.py', '../_base_/models/layout2img_256.py',
          '../_base_/schedules/prior.py']

model = dict(
    type='LayoutPriorModel', _scope_='dive_mmdet',
    prior={{_base_.layout_prior}},
    vocabulary=dict(_base_.layout_vocabulary, answers=_base_.coco_answers),
    table={{_base_.generator.table}},
    noises=4,
    class_dropout=0.1,
    generator='work_dirs/layout2img/coco.pth')

max_iters = 50_000
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=5000)
train_dataloader = dict(batch_size=64)
val_dataloader = dict(dataset=dict(
    num_objects=30, ann_file='annotations/layouts_val2017.json', max_images=200, pipeline={{_base_.train_pipeline}}))
val_evaluator = dict(_delete_=True, type='dive_mmdet.ConditioningMetric', prefix='prior')
test_dataloader = val_dataloader
test_evaluator = val_evaluator

optim_wrapper = dict(optimizer=dict(lr=5e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=500),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=500, end=max_iters, eta_min=1e-6),
]
default_hooks = dict(checkpoint=dict(interval=5000, max_keep_ckpts=1))
