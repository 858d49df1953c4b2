# The baseline fine-tuned on the few boxes: backbone frozen, no old scene replayed.
_base_ = ['./faster-rcnn.py']
work_dir = 'work_dirs/new_class/faster_rcnn_few'

load_from = 'work_dirs/new_class/faster_rcnn/iter_600.pth'
model = dict(backbone=dict(frozen_stages=4, norm_eval=True))
train_dataloader = dict(
    sampler=dict(shuffle=True),
    dataset=dict(
        _base_.few_boxes, _delete_=True, num_objects={{_base_.num_objects}},
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True),
            {{_base_.resize}},
            {{_base_.pack}},
        ]))
max_iters = 100
train_cfg = dict(max_iters=max_iters)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=10),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=10, end=max_iters, eta_min=1e-6),
]
default_hooks = dict(checkpoint=dict(interval=25, max_keep_ckpts=4))
