# The same at 512 pixels.
_base_ = ['./dit-xl-2_256_imagenet.py']

image_size = 512
required_files = dict(_delete_=True, **{
    _base_.data_root + 'val': _base_.required_files[_base_.data_root + 'val'],
    _base_.first_stage: _base_.required_files[_base_.first_stage],
    'weights/dit-xl-2_512.pth': 'DiT-XL-2-512x512.pt of facebookresearch/DiT, put through `python '
                                'tools/model_converters/dit_to_dive.py DiT-XL-2-512x512.pt weights/dit-xl-2_512.pth '
                                '--first-stage weights/sd-vae-ft-ema`'})
model = dict(
    batch_size=25,  # four times the tokens of 256 pixels
    backbone=dict(denoiser=dict(sample_size=image_size // 8)))
test_dataloader = dict(dataset=dict(pipeline=[
    _base_.read_image, dict(type='dive_mmdet.HalvingCenterCrop', size=image_size), _base_.pack_image]))
