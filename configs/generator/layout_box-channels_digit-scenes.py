# p(image | layout) of the digit scenes with the boxes drawn for the denoiser: `python tools/train.py` with this file.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/digit_scenes.py',
          '../_base_/models/layout_box-channels_64.py', '../_base_/schedules/generator.py']

model = dict(
    type='GeneratorModel', _scope_='dive_mmdet',
    data_preprocessor={{_base_.generator_preprocessor}},
    backbone={{_base_.generator}},
    loss=dict(timestep_exponent=0.5, class_dropout=0.1),  # high noise, where the layout matters; unknown classes
    precision='bfloat16',  # faster where the CPU has AVX512-BF16; 'float32' where it has not
    conditioning_check=dict(num_pairs=16, low=200, high=900, shift=4 / 64))

max_iters = 26000
low_noise_from = 18200
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=6500)
train_dataloader = dict(batch_size=32)
val_dataloader = dict(dataset=dict(indices=50))
val_evaluator = dict(_delete_=True, type='dive_mmdet.ConditioningMetric')
test_dataloader = val_dataloader
test_evaluator = val_evaluator

param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=500),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=500, end=max_iters, eta_min=1e-6),
]
# Averaged weights are checked, and stand in a checkpoint's state_dict, from which they are published.
custom_hooks = [
    dict(type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.001, gamma=1000),
    # The last three tenths are for all timesteps alike, which the objective of a search measures.
    dict(type='dive_mmdet.LossSwitchHook', begin=low_noise_from,
         loss=dict(space='v_prediction', timestep_exponent=1.0))]
default_hooks = dict(checkpoint=dict(interval=500, max_keep_ckpts=2))
