# Diffusion Classifier, zero-shot (arXiv 2303.16203; its repository's command for ImageNet): Stable Diffusion 2.0 base
# at 512 pixels, 1,000 pairs, 500, 50, 10 and 1 classes kept, squared errors, four validation images of every class. A
# class is its prompt. A GPU is needed.
#   python tools/test.py configs/dive_cls/stable-diffusion-2_imagenet.py weights/stable-diffusion-2_imagenet.pth
_base_ = ['../_base_/dive_cls.py', '../_base_/datasets/imagenet.py', '../_base_/models/stable_diffusion_512.py']

image_size = 512
required_files = {
    'weights/stable-diffusion-2_imagenet.pth': 'stabilityai/stable-diffusion-2-base, converted as '
                                               'configs/dive_cls/README.md says'}

model = dict(
    # ---- often changed: what is searched, how hard ----
    inverter=dict(type='dive_mmdet.AdaptiveEnumeration', race=dict(pairs=[50, 100, 500], keep=[500, 50, 10])),
    objective=dict(num_pairs=1000, low=0, high=1000, space='epsilon', seed=42, precision='bfloat16'),
    batch_size=32,  # network evaluations at once
    # ---- rarely changed: the model and the data ----
    type='DIVEClassifier', _scope_='dive_mmdet',
    data_preprocessor=dict(type='dive_mmdet.GreyOrColourPreprocessor', mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True),
    backbone=dict(
        type='dive_mmdet.ClassGenerator', num_classes=1000, row_dim=1024, rows_per_class=77, channels_last=True,
        first_stage={{_base_.stable_diffusion_first_stage}}, schedule={{_base_.stable_diffusion_schedule}},
        denoiser=dict(type='dive_mmdet.DiffusersUNet', model={{_base_.stable_diffusion_2_unet}}),
        prediction_type='epsilon'),
    head=dict(type='dive_mmdet.ClassHead'))

test_dataloader = dict(dataset=dict(per_class=4, pipeline=[
    _base_.read_image, dict(type='dive_mmdet.HalvingCenterCrop', size=image_size), _base_.pack_image]))
