# A layout generator of 1.5 million parameters in pixel space that sees the boxes where they are.
class_dim = 16  # numbers that tell a class
generator = dict(
    type='dive_mmdet.LayoutGenerator',
    vocabulary=dict(num_classes=10, num_objects=4, grid=65),  # one grid step is one pixel
    table=dict(type='dive_mmdet.CoordinateTable', class_dim=class_dim),
    first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=1),
    schedule=dict(type='dive_mmdet.NoiseSchedule'),
    channels=dict(type='dive_mmdet.BoxChannels', sample_size=64, class_dim=class_dim, edge=0.5),
    condition=dict(type='dive_mmdet.NoContext'),  # ObjectEncoder and a context_dim add cross-attention to objects
    denoiser=dict(type='dive_mmdet.PatchTransformer', sample_size=64, channels=1, patch_size=8, width=128,
                  num_layers=6, num_heads=4, context_dim=None, condition_channels=7 + class_dim, detail=8),
    prediction_type='sample')
generator_preprocessor = dict(
    type='dive_mmdet.GreyOrColourDetPreprocessor', mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=True)
