# p(image | string) of 16 x 48 images, 2.2 million parameters in pixel space: 12 patches, and a row for each of the
# 1,000 strings, which share nothing but the network.
generator = dict(
    type='dive_mmdet.ClassGenerator', num_classes=1000, row_dim=128, row_std=1.0,
    first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=1),
    schedule=dict(type='dive_mmdet.NoiseSchedule'),
    denoiser=dict(type='dive_mmdet.DiT', sample_size=(16, 48), channels=1, patch_size=8, width=128, num_layers=6,
                  num_heads=4, row_to_patches=True),
    prediction_type='sample',
    timestep_exponent=0.8,
    class_dropout=0.1,
    unknown='mean')
