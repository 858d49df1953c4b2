# Parts of the public Stable Diffusion pipelines at 512 x 512 pixels: UNets of 860 million parameters, the autoencoder
# and the noise of training. tools/model_converters/diffusers_to_dive.py writes the weights.
stable_diffusion_1_unet = dict(
    sample_size=64, in_channels=4, out_channels=4, layers_per_block=2, block_out_channels=[320, 640, 1280, 1280],
    down_block_types=['CrossAttnDownBlock2D'] * 3 + ['DownBlock2D'],
    up_block_types=['UpBlock2D'] + ['CrossAttnUpBlock2D'] * 3, cross_attention_dim=768, attention_head_dim=8)
stable_diffusion_2_unet = dict(
    stable_diffusion_1_unet, cross_attention_dim=1024, attention_head_dim=[5, 10, 20, 20], use_linear_projection=True)
stable_diffusion_first_stage = dict(
    type='dive_mmdet.KLFirstStage', scale_factor=0.18215,
    model=dict(in_channels=3, out_channels=3, down_block_types=['DownEncoderBlock2D'] * 4,
               up_block_types=['UpDecoderBlock2D'] * 4, block_out_channels=[128, 256, 512, 512], layers_per_block=2,
               latent_channels=4))
stable_diffusion_schedule = dict(
    type='dive_mmdet.NoiseSchedule', schedule='scaled_linear', num_steps=1000, beta_start=0.00085, beta_end=0.012)
