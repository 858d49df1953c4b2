# The largest square in the middle of each image; boxes outside it are scored and lost.
_base_ = ['./dive_layout2img_coco-zero-shot.py']

test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='dive_mmdet.SquareCrop', place=0.5),
    {{_base_.resize}},
    dict(type='LoadAnnotations', with_bbox=True),
    {{_base_.pack}},
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
