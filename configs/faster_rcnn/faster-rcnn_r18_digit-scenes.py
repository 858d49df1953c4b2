# The baseline detector of the digit scenes, from scratch: `python tools/train.py` with this file; about 20 minutes on
# one CPU core. How the learning rate was chosen: README.md beside this file.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/digit_scenes.py',
          '../_base_/models/faster-rcnn_r18.py']

# Scenes are doubled before the network: with the usual stem (stride 4) the finest features then lie 2 pixels of the
# scene apart, which is what boxes of 14 to 30 pixels at strict IoU need.
input_size = 2 * _base_.image_size

model = dict(
    data_preprocessor=dict(
        type='dive_mmdet.GreyOrColourDetPreprocessor', mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=True),
    # Digits are 28 to 60 pixels high here; a '1' may be 8 wide.
    rpn_head=dict(anchor_generator=dict(base_sizes=[28, 36, 46, 58], scales=[1.0], ratios=[1.0, 1.6, 3.5])),
    roi_head=dict(
        # All boxes are read from the finest level: the largest spans 15 of its cells.
        bbox_roi_extractor=dict(featmap_strides=_base_.strides[:1]),
        bbox_head=dict(num_classes={{_base_.num_classes}})),
    train_cfg=dict(rpn=dict(sampler=dict(num=64)), rpn_proposal=dict(nms_pre=100, max_per_img=64),
                   rcnn=dict(sampler=dict(num=32))),
    test_cfg=dict(rpn=dict(nms_pre=100, max_per_img=64), rcnn=dict(max_per_img=20)))

resize = dict(type='Resize', scale=(input_size, input_size), keep_ratio=False)
train_pipeline = [
    dict(type='dive_mmdet.LoadComposedImage'),
    dict(type='LoadAnnotations', with_bbox=True),
    resize,
    {{_base_.pack}},
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    resize,
    dict(type='LoadAnnotations', with_bbox=True),
    {{_base_.pack}},
]
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

max_iters = 2200
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=1100)
optim_wrapper = dict(optimizer=dict(lr=4e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=200),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=200, end=max_iters, eta_min=1e-6),
]
default_hooks = dict(checkpoint=dict(interval=300, max_keep_ckpts=1))
