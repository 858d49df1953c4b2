# Goes on from the last checkpoint of layout_patch-transformer_digit-scenes.py at all timesteps alike with the error of
# v, since the first training prefers high noise. About 25 minutes on one CPU core.
_base_ = ['./layout_patch-transformer_digit-scenes.py']

load_from = 'work_dirs/layout_patch-transformer_digit-scenes/iter_24000.pth'
model = dict(loss=dict(space='v_prediction', timestep_exponent=1.0))

max_iters = 8000
train_cfg = dict(max_iters=max_iters)
train_dataloader = dict(dataset=dict(composer=dict(seed=7)))
optim_wrapper = dict(optimizer=dict(lr=5e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=200),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=200, end=max_iters, eta_min=1e-5),
]
