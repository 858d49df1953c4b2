# p(image | layout) of the digit scenes: `python tools/train.py` with this file; about an hour on one CPU core.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/digit_scenes.py',
          '../_base_/models/layout_patch-transformer_64.py',
          '../_base_/schedules/generator.py']

model = dict(
    type='GeneratorModel', _scope_='dive_mmdet',
    data_preprocessor={{_base_.generator_preprocessor}},
    backbone={{_base_.generator}},
    loss=dict(timestep_exponent=0.5, class_dropout=0.1),  # high noise, where the layout matters; unknown classes
    precision='bfloat16',  # faster where the CPU has AVX512-BF16; 'float32' where it has not
    conditioning_check=dict(num_pairs=4, low=400, high=1000, space='sample', shift=4 / 64))

max_iters = 24000
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=3000)
train_dataloader = dict(batch_size=32)
val_dataloader = dict(dataset=dict(indices=200))
val_evaluator = dict(_delete_=True, type='dive_mmdet.ConditioningMetric')
test_dataloader = val_dataloader
test_evaluator = val_evaluator

param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=500),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=500, end=max_iters, eta_min=1e-5),
]
default_hooks = dict(checkpoint=dict(interval=500, max_keep_ckpts=1))
