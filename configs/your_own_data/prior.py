# p(layout) of your own data, over the rows of the trained generator's table: `python tools/train.py` with this file.
_base_ = ['../_base_/default_runtime.py', './derived.py', '../_base_/schedules/prior.py']
work_dir = f'{_base_.work_root}/prior'

model = dict(
    type='LayoutPriorModel', _scope_='dive_mmdet',
    prior={{_base_.layout_prior}},
    vocabulary={{_base_.vocabulary}},
    table={{_base_.generator.table}},
    generator=f'{_base_.work_root}/generator.pth')

max_iters = 2000
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=500)
# Layouts are all that is needed of the images.
blank = dict(type='dive_mmdet.LoadBlankImage')
train_dataloader = dict(batch_size=64, dataset=dict(pipeline=[
    blank, *[step for step in _base_.train_pipeline[1:] if step not in _base_.jitters]]))
val_dataloader = dict(dataset=dict(
    num_objects={{_base_.num_objects}}, max_images=200, pipeline=[blank, *_base_.layout_pipeline[1:]]))
val_evaluator = dict(_delete_=True, type='dive_mmdet.ConditioningMetric', prefix='prior')
test_dataloader = val_dataloader
test_evaluator = val_evaluator

param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=100, end=max_iters, eta_min=1e-5),
]
default_hooks = dict(checkpoint=dict(interval=250, max_keep_ckpts=1))
