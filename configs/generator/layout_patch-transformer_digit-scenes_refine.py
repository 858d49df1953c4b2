# Goes on from the weights of layout_patch-transformer_digit-scenes.py at all noise levels alike, with the error of v:
# the first training hears the layout at high noise, this one measures boxes at low noise. About 30 minutes on one core.
_base_ = ['./layout_patch-transformer_digit-scenes.py']

load_from = 'work_dirs/generator/generator.pth'
model = dict(backbone=dict(loss_space='v_prediction', timestep_exponent=1.0))

max_iters = 4000
train_cfg = dict(max_iters=max_iters)
train_dataloader = dict(dataset=dict(composer=dict(seed=7)))
optim_wrapper = dict(optimizer=dict(lr=5e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=100, end=max_iters, eta_min=1e-5),
]
