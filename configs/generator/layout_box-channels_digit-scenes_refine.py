# Goes on from the last checkpoint of layout_box-channels_digit-scenes.py mostly at the timesteps that the objective of
# the search measures. About 65 minutes on one CPU core.
_base_ = ['./layout_box-channels_digit-scenes.py']

load_from = 'work_dirs/layout_box-channels_digit-scenes/iter_26000.pth'
model = dict(loss=dict(space='v_prediction', timestep_exponent=1.0, window=dict(low=140, high=660, share=0.8)))

max_iters = 20000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
train_dataloader = dict(dataset=dict(composer=dict(seed=7)))
optim_wrapper = dict(optimizer=dict(lr=5e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=200),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=200, end=max_iters, eta_min=1e-6),
]
custom_hooks = [dict(type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.001, gamma=1000)]
