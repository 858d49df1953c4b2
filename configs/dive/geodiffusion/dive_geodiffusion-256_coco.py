# The same with the model that was trained on 256 x 256 pixels: a quarter of the latents, about a fifth of the cost.
_base_ = ['./dive_geodiffusion-512_coco.py']

image_size = 256
model = dict(backbone=dict(denoiser=dict(model=dict(sample_size=32))))  # whatever the UNet's config.json says

test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(image_size, image_size), keep_ratio=False),
    dict(type='LoadAnnotations', with_bbox=True),
    {{_base_.pack}},
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
