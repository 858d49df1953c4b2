# p(image | layout) of scenes without the new digit, on a schedule of 5,000 instead of 26,000 iterations:
# `python tools/train.py` with this file.
_base_ = ['../generator/layout_box-channels_digit-scenes.py', './data.py']
work_dir = 'work_dirs/new_class/generator'

model = dict(backbone=dict(vocabulary=dict(num_classes=len(_base_.known_classes))))
train_dataloader = dict(dataset=dict(composer=dict(exclude=[_base_.new_class])))
val_dataloader = dict(dataset=dict(
    _delete_=True, type='dive_mmdet.DigitSceneDataset', num_scenes=50, pipeline={{_base_.train_pipeline}},
    composer=dict(split='val', exclude=[_base_.new_class])))
test_dataloader = val_dataloader

max_iters = 5000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=500),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=500, end=max_iters, eta_min=1e-6),
]
custom_hooks = [
    dict(type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.001, gamma=1000),
    dict(type='dive_mmdet.LossSwitchHook', begin=7 * max_iters // 10,
         loss=dict(space='v_prediction', timestep_exponent=1.0))]
