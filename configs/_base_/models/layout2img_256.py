# The layout-to-image model of OpenImages at 256 x 256 pixels (latent diffusion, layout2img-openimages256), 357 M
# parameters; tools/model_converters/ldm_to_dive.py writes its weights.
_base_ = ['../categories/layout2img_openimages.py']

generator = dict(
    type='dive_mmdet.LayoutGenerator',
    vocabulary={{_base_.layout_vocabulary}},
    table=dict(dim=512),
    first_stage=dict(
        type='dive_mmdet.VQFirstStage', scale_factor=1.0,
        model=dict(in_channels=3, out_channels=3, down_block_types=['DownEncoderBlock2D'] * 3,
                   up_block_types=['UpDecoderBlock2D'] * 3, block_out_channels=[128, 256, 512], layers_per_block=2,
                   latent_channels=3, vq_embed_dim=3, num_vq_embeddings=8192)),
    schedule=dict(type='dive_mmdet.NoiseSchedule', schedule='scaled_linear', num_steps=1000, beta_start=0.0015,
                  beta_end=0.0205),
    condition=dict(type='dive_mmdet.TokenTransformer', row_dim=512, length=92, num_layers=16),
    denoiser=dict(
        type='dive_mmdet.SpatialTransformerUNet', sample_size=64, channels=3, base_channels=128,
        channel_mult=[1, 2, 3, 4], num_res_blocks=2, attention_downsampling=[2, 4, 8], transformer_depth=3,
        context_dim=512, num_heads=1),  # one head, whatever the public YAML says
    prediction_type='epsilon')
generator_preprocessor = dict(
    type='dive_mmdet.GreyOrColourDetPreprocessor', mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=True)
layout_prior = dict(
    type='dive_mmdet.LayoutPrior', length=92, row_dim=512, width=512, num_layers=6, num_heads=8,
    schedule=dict(type='dive_mmdet.NoiseSchedule', schedule='linear', beta_start=1e-4, beta_end=2e-2),
    prediction_type='epsilon', num_pairs=8)
