# The baseline on your own data, from scratch: `python tools/train.py` with this file. The learning rate is the digit
# scenes' (configs/faster_rcnn/README.md), halved; sweep it before you quote a comparison.
_base_ = ['../_base_/default_runtime.py', './derived.py', '../_base_/models/faster-rcnn_r18.py']
work_dir = f'{_base_.work_root}/faster_rcnn'

# Images are twice as large as the generator's, as on the digit scenes: the finest features then lie 2 of its pixels
# apart.
input_size = 2 * _base_.image_size
most = max(100, 3 * _base_.num_objects)  # boxes kept of an image
smallest, largest = _base_.sides
step = (largest / smallest) ** 0.25  # four levels; each has two sizes, half of this factor apart

model = dict(
    data_preprocessor={{_base_.preprocessor}},
    rpn_head=dict(anchor_generator=dict(
        base_sizes=[input_size * smallest * step ** (level + 0.25) for level in range(4)], scales=[1.0, step ** 0.5],
        ratios=[0.5, 1.0, 2.0])),
    roi_head=dict(
        bbox_roi_extractor=dict(featmap_strides=_base_.strides, finest_scale=32),
        bbox_head=dict(num_classes={{_base_.vocabulary.num_classes}})),
    train_cfg=dict(rpn=dict(sampler=dict(num=most)), rpn_proposal=dict(nms_pre=4 * most, max_per_img=most),
                   rcnn=dict(sampler=dict(num=most))),
    test_cfg=dict(rpn=dict(nms_pre=4 * most, max_per_img=most), rcnn=dict(max_per_img=most)))

# The same crops, flips and jitter as the generator's.
resize = dict(type='Resize', scale=(input_size, input_size), keep_ratio=False)
whole = [dict(step, min_gt_bbox_wh=(2 * _base_.min_side, 2 * _base_.min_side)) for step in _base_.whole]
jitters = [dict(step, blur=2 * step['blur']) for step in _base_.jitters]
train_pipeline = [*_base_.read, *_base_.crops, resize, *whole, *_base_.flips, *jitters, _base_.pack]
test_pipeline = [_base_.read[0], resize, _base_.read[1], _base_.pack]
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

max_iters = 2 * _base_.iterations  # of half as many images: as many sweeps as the generator makes
interval = max(1, max_iters // 8)
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=interval)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=max_iters // 20),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=max_iters // 20, end=max_iters, eta_min=1e-6),
]
default_hooks = dict(checkpoint=dict(interval=interval, max_keep_ckpts=1, save_best='coco/bbox_mAP', rule='greater'))
