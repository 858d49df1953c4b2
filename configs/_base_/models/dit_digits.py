# p(image | class) in pixel space, about 2 million parameters; each data set gives classes and sizes.
generator = dict(
    type='dive_mmdet.ClassGenerator', row_dim=128, row_std=1.0,
    first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=1),
    schedule=dict(type='dive_mmdet.NoiseSchedule'),
    denoiser=dict(type='dive_mmdet.DiT', channels=1, width=128, num_layers=6, num_heads=4, row_to_patches=True),
    prediction_type='sample',
    unknown='mean')
