# p(layout) of the digit scenes, over the rows of the trained generator's table: `python tools/train.py` with this
# file; about 8 minutes on one CPU core.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/digit_scenes.py',
          '../_base_/models/layout_box-channels_64.py', '../_base_/models/layout_prior.py',
          '../_base_/schedules/prior.py']

model = dict(
    type='LayoutPriorModel', _scope_='dive_mmdet',
    prior={{_base_.layout_prior}},
    vocabulary={{_base_.generator.vocabulary}},
    table={{_base_.generator.table}},
    noises=4,
    class_dropout=0.1,
    generator='weights/dive_digit_scenes.pth')

# A layout costs little beside the scene it comes from, hence several noises for each.
max_iters = 5000
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=500)
train_dataloader = dict(batch_size=64, dataset=dict(composer=dict(seed=2)))
val_evaluator = dict(_delete_=True, type='dive_mmdet.ConditioningMetric', prefix='prior')
test_evaluator = val_evaluator

param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=100, end=max_iters, eta_min=1e-5),
]
default_hooks = dict(checkpoint=dict(interval=250, max_keep_ckpts=1))
