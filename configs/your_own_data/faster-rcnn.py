# The baseline on your own data, from scratch: `python tools/train.py` with this file. The learning rate is the digit
# scenes' (configs/faster_rcnn/README.md), halved; sweep it before you quote a comparison.
_base_ = ['../_base_/default_runtime.py', '../_base_/your_own_data.py',
          '../_base_/models/faster-rcnn_r18.py']
work_dir = 'work_dirs/your_own_data/faster_rcnn'

# Images are twice as large as the generator's, as on the digit scenes: the finest features then lie 2 of its pixels
# apart.
input_size = 2 * _base_.image_size
most = max(100, 3 * _base_.num_objects)  # boxes kept of an image

model = dict(
    data_preprocessor={{_base_.preprocessor}},
    # Sides from 0.08 to 0.6 of the image, a factor of 1.4 apart.
    rpn_head=dict(anchor_generator=dict(base_sizes=[input_size * side for side in (0.08, 0.16, 0.3, 0.6)],
                                        scales=[1.0, 1.4], ratios=[0.5, 1.0, 2.0])),
    roi_head=dict(
        bbox_roi_extractor=dict(featmap_strides=_base_.strides, finest_scale=32),
        bbox_head=dict(num_classes={{_base_.vocabulary.num_classes}})),
    train_cfg=dict(rpn=dict(sampler=dict(num=most)), rpn_proposal=dict(nms_pre=4 * most, max_per_img=most),
                   rcnn=dict(sampler=dict(num=most))),
    test_cfg=dict(rpn=dict(nms_pre=4 * most, max_per_img=most), rcnn=dict(max_per_img=most)))

resize = dict(type='Resize', scale=(input_size, input_size), keep_ratio=False)
train_pipeline = [
    dict(type='LoadImageFromFile'),
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

max_iters = 4000
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=1000)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=200),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=200, end=max_iters, eta_min=1e-6),
]
default_hooks = dict(checkpoint=dict(interval=500, max_keep_ckpts=1))
