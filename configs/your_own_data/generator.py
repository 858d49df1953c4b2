# p(image | layout) of your own data: `python tools/train.py` with this file. docs/your_own_data.md goes through it all.
_base_ = ['../_base_/default_runtime.py', '../_base_/your_own_data.py',
          '../_base_/schedules/generator.py']
work_dir = 'work_dirs/your_own_data/generator'

model = dict(
    type='GeneratorModel', _scope_='dive_mmdet',
    data_preprocessor={{_base_.preprocessor}},
    backbone=dict(_base_.generator, compile=True),  # by the C++ compiler, within two minutes; less time a step
    loss=dict(timestep_exponent=0.5, class_dropout=0.1),  # high noise, where the layout matters; unknown classes
    precision='bfloat16',  # faster where the CPU has AVX512-BF16; 'float32' where it has not
    conditioning_check=dict(num_pairs=4, low=400, high=1000, space='sample', shift=4 / _base_.image_size))

max_iters = 6000
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=1000)
# The check compares layouts, so their boxes are resized with the image.
val_dataloader = dict(dataset=dict(num_objects={{_base_.num_objects}}, max_images=200,
                                   pipeline={{_base_.train_pipeline}}))
val_evaluator = dict(_delete_=True, type='dive_mmdet.ConditioningMetric')
test_dataloader = val_dataloader
test_evaluator = val_evaluator

param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=500),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=500, end=max_iters, eta_min=1e-5),
]
default_hooks = dict(checkpoint=dict(interval=500, max_keep_ckpts=1))
