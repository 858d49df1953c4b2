# The published classification (DIVE, arXiv 2504.17253, section 4.1): DiT-XL/2 at 256 pixels inverted on the first two
# ImageNet validation images of every class. Three things are yours to bring, see `required_files`; a GPU is needed.
#   python tools/test.py configs/dive_cls/dit-xl-2_256_imagenet.py weights/dit-xl-2_256.pth
# The bank has the published timesteps 2, 6, ..., 998; their noise is drawn on the CPU and in another order.
_base_ = ['../_base_/dive_cls.py', '../_base_/datasets/imagenet.py']

image_size = 256
first_stage = 'weights/sd-vae-ft-ema'
required_files = {
    first_stage: 'the autoencoder stabilityai/sd-vae-ft-ema, a folder in the format of diffusers, from huggingface.co',
    'weights/dit-xl-2_256.pth': 'DiT-XL-2-256x256.pt of facebookresearch/DiT, put through `python '
                                'tools/model_converters/dit_to_dive.py DiT-XL-2-256x256.pt weights/dit-xl-2_256.pth '
                                '--first-stage weights/sd-vae-ft-ema`'}

model = dict(
    # ---- often changed: what is searched, how hard ----
    inverter=dict(type='dive_mmdet.GradientInverter', distance='l2', loops=20, pairs_per_step=25, lr=1e-2,
                  weight_decay=0.01, seed=0),
    # 'float32' for exact products on a GPU; 'tf32' is what a default GPU set-up of the time computed.
    objective=dict(num_pairs=250, low=0, high=1000, space='epsilon', seed=42, precision='tf32'),
    batch_size=100,  # network evaluations at once
    # ---- rarely changed: the model and the data ----
    type='DIVEClassifier', _scope_='dive_mmdet',
    data_preprocessor=dict(type='dive_mmdet.GreyOrColourPreprocessor', mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True),
    backbone=dict(
        type='dive_mmdet.ClassGenerator', num_classes=1000, row_dim=1152,
        first_stage=dict(type='dive_mmdet.KLFirstStage', pretrained=first_stage, scale_factor=0.18215),
        schedule=dict(type='dive_mmdet.NoiseSchedule', schedule='linear', beta_start=1e-4, beta_end=2e-2),
        denoiser=dict(type='dive_mmdet.DiT', sample_size=image_size // 8, channels=4, patch_size=2, width=1152,
                      num_layers=28, num_heads=16, learn_sigma=True),
        prediction_type='epsilon'),
    head=dict(type='dive_mmdet.ClassHead'))

test_dataloader = dict(dataset=dict(per_class=2, pipeline=[
    _base_.read_image, dict(type='dive_mmdet.HalvingCenterCrop', size=image_size), _base_.pack_image]))
