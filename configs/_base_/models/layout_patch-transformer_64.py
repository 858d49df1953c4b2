# A layout generator of 2 million parameters in pixel space, small enough to train and to invert on a laptop.
generator = dict(
    type='dive_mmdet.LayoutGenerator',
    vocabulary=dict(num_classes=10, num_objects=4, grid=65),  # one grid step is one pixel
    table=dict(dim=64, corner_init='sinusoid', corner_max_cycles=16.0, train_corners=False),
    first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=1),
    schedule=dict(type='dive_mmdet.NoiseSchedule'),
    condition=dict(type='dive_mmdet.ObjectEncoder', row_dim=64, width=128, num_layers=1, num_heads=4),
    denoiser=dict(type='dive_mmdet.PatchTransformer', sample_size=64, channels=1, patch_size=8, width=128,
                  num_layers=6, num_heads=4, context_dim=128),
    prediction_type='sample')
generator_preprocessor = dict(
    type='dive_mmdet.GreyOrColourDetPreprocessor', mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=True)
