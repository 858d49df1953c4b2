# p(image | digit) of 28 x 28 images, 2.1 million parameters in pixel space: 16 patches.
generator = dict(
    type='dive_mmdet.ClassGenerator', num_classes=10, row_dim=128, row_std=1.0,
    first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=1),
    schedule=dict(type='dive_mmdet.NoiseSchedule'),
    denoiser=dict(type='dive_mmdet.DiT', sample_size=(28, 28), channels=1, patch_size=7, width=128, num_layers=6,
                  num_heads=4, row_to_patches=True),
    prediction_type='sample',
    timestep_exponent=0.8,
    class_dropout=0.1,
    unknown='mean')
