# p(image | string) of 1,000 digit strings: `python tools/train.py` with this file; at most 75 minutes on two CPU
# cores, in which every class is seen 4,100 times.
_base_ = ['../_base_/default_runtime_cls.py', '../_base_/datasets/digit_strings_1000.py',
          '../_base_/models/dit_digit-strings-1000.py', '../_base_/schedules/generator.py']

model = dict(
    type='ClassGeneratorModel', _scope_='dive_mmdet',
    data_preprocessor={{_base_.preprocessor}},
    backbone=dict(_base_.generator, compile=True),  # by the C++ compiler, within two minutes; less time a step
    loss=dict(timestep_exponent=0.8, class_dropout=0.1),
    precision='bfloat16',  # faster where the CPU has AVX512-BF16; 'float32' where it has not
    conditioning_check=dict(num_pairs=4, low=400, high=1000, space='sample'))

max_iters = 32000
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=4000)
train_dataloader = dict(batch_size=128)
val_evaluator = dict(_delete_=True, type='dive_mmdet.ConditioningMetric')
test_evaluator = val_evaluator

optim_wrapper = dict(optimizer=dict(lr=1.5e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=500),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=500, end=max_iters, eta_min=1e-5),
]
