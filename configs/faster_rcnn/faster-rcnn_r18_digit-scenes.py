# The baseline detector of the digit scenes, from scratch: `python tools/train.py` with this file; about 20 minutes on
# one CPU core. How the learning rate was chosen: README.md beside this file.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/digit_scenes.py']

# Scenes are doubled before the network: with the usual stem (stride 4) the finest features then lie 2 pixels of the
# scene apart, which is what boxes of 14 to 30 pixels at strict IoU need.
input_size = 2 * 64
strides = [4, 8, 16, 32]
channels = 64
norm_cfg = dict(type='BN', requires_grad=True)

model = dict(
    type='FasterRCNN',
    data_preprocessor=dict(type='DetDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=True),
    backbone=dict(type='ResNet', depth=18, base_channels=32, stem_channels=32, num_stages=4, out_indices=(0, 1, 2, 3),
                  frozen_stages=-1, norm_cfg=norm_cfg, norm_eval=False, style='pytorch'),
    neck=dict(type='FPN', in_channels=[32, 64, 128, 256], out_channels=channels, num_outs=4, norm_cfg=norm_cfg),
    rpn_head=dict(
        type='RPNHead', in_channels=channels, feat_channels=32,
        # Digits are 28 to 60 pixels high here; a '1' may be 8 wide.
        anchor_generator=dict(type='AnchorGenerator', strides=strides, base_sizes=[28, 36, 46, 58], scales=[1.0],
                              ratios=[1.0, 1.6, 3.5]),
        bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_means=[0.0] * 4, target_stds=[1.0] * 4),
        loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=1.0),
        loss_bbox=dict(type='L1Loss', loss_weight=1.0)),
    roi_head=dict(
        type='StandardRoIHead',
        # All boxes are read from the finest level: the largest spans 15 of its cells.
        bbox_roi_extractor=dict(type='SingleRoIExtractor', out_channels=channels, featmap_strides=strides[:1],
                                roi_layer=dict(type='RoIAlign', output_size=7, sampling_ratio=1)),
        bbox_head=dict(
            type='Shared2FCBBoxHead', in_channels=channels, fc_out_channels=256, roi_feat_size=7, num_classes=10,
            reg_class_agnostic=True,
            bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_means=[0.0] * 4, target_stds=[0.1, 0.1, 0.2, 0.2]),
            loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0),
            loss_bbox=dict(type='L1Loss', loss_weight=1.0))),
    train_cfg=dict(
        rpn=dict(
            assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.6, neg_iou_thr=0.3, min_pos_iou=0.3,
                          match_low_quality=True, ignore_iof_thr=-1),
            sampler=dict(type='RandomSampler', num=64, pos_fraction=0.5, neg_pos_ub=-1, add_gt_as_proposals=False),
            allowed_border=-1, pos_weight=-1, debug=False),
        rpn_proposal=dict(nms_pre=100, max_per_img=64, nms=dict(type='nms', iou_threshold=0.7), min_bbox_size=0),
        rcnn=dict(
            assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.5, min_pos_iou=0.5,
                          match_low_quality=False, ignore_iof_thr=-1),
            sampler=dict(type='RandomSampler', num=32, pos_fraction=0.5, neg_pos_ub=-1, add_gt_as_proposals=True),
            pos_weight=-1, debug=False)),
    test_cfg=dict(
        rpn=dict(nms_pre=100, max_per_img=64, nms=dict(type='nms', iou_threshold=0.7), min_bbox_size=0),
        rcnn=dict(score_thr=0.01, nms=dict(type='nms', iou_threshold=0.5), max_per_img=20)))

resize = dict(type='Resize', scale=(input_size, input_size), keep_ratio=False)
train_pipeline = [
    dict(type='LoadImageFromNDArray'),
    dict(type='LoadAnnotations', with_bbox=True),
    resize,
    dict(type='PackDetInputs', meta_keys=('img_id', 'ori_shape', 'img_shape', 'scale_factor')),
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
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=4e-3, weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
    clip_grad=dict(max_norm=10.0))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=200),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=200, end=max_iters, eta_min=1e-6),
]
default_hooks = dict(checkpoint=dict(interval=300, max_keep_ckpts=1))
