# How generators are trained; a config that builds on it says how long.
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='dive_mmdet.FusedAdamW', lr=1e-3, betas=(0.9, 0.99), weight_decay=0.01),
    paramwise_cfg=dict(custom_keys={'backbone.table': dict(decay_mult=0.0)}),  # decay would shrink frozen corner rows
    clip_grad=dict(max_norm=1.0))
