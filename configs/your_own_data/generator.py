# p(image | layout) of your own data: `python tools/train.py` with this file. docs/your_own_data.md goes through it all.
_base_ = ['../_base_/default_runtime.py', './derived.py', '../_base_/schedules/generator.py']
work_dir = f'{_base_.work_root}/generator'

model = dict(
    type='GeneratorModel', _scope_='dive_mmdet',
    data_preprocessor={{_base_.preprocessor}},
    backbone={{_base_.generator}},
    loss=dict(timestep_exponent=0.5, class_dropout=0.1),  # high noise, where the layout matters; unknown classes
    precision={{_base_.precision}},
    conditioning_check=dict(_base_.energy, num_pairs=4, shift=4 / _base_.image_size))

max_iters = _base_.iterations
interval = max(1, max_iters // 12)
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=interval)
val_dataloader = dict(dataset=dict(
    num_objects={{_base_.num_objects}}, max_images=100, pipeline={{_base_.layout_pipeline}}))
val_evaluator = dict(_delete_=True, type='dive_mmdet.ConditioningMetric')
test_dataloader = val_dataloader
test_evaluator = val_evaluator

param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=max_iters // 20),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=max_iters // 20, end=max_iters, eta_min=1e-6),
]
# Averaged weights are checked, and stand in a checkpoint's state_dict, from which they are published.
custom_hooks = [
    dict(type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.001, gamma=1000),
    # The last three tenths are for all timesteps alike.
    dict(type='dive_mmdet.LossSwitchHook', begin=7 * max_iters // 10,
         loss=dict(space='v_prediction', timestep_exponent=1.0)),
    dict(type='dive_mmdet.AdviceHook', image_size=_base_.image_size)]
# The best by the check is kept beside the last one.
default_hooks = dict(checkpoint=dict(interval=interval, max_keep_ckpts=1, save_best='conditioning/noticed',
                                     rule='greater'))
