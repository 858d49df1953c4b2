# The phrase embedding of a new class of GLIGEN from a few boxes. Untested on real weights. The two lines at the top are
# yours; the search is configs/dive/gligen's with `num_classes=81` and `num_added=1` of its vocabulary.
_base_ = ['../dive/gligen/dive_gligen_coco-zero-shot.py']
work_dir = 'work_dirs/new_class/learn_gligen'

new_class = 'forklift'
few = dict(data_root='data/my_class/', ann_file='few.json', data_prefix=dict(img='few/'))  # categories: COCO's, then it

all_classes = (*_base_.classes, new_class)
model = dict(
    _delete_=True, type='NewClassModel', _scope_='dive_mmdet',
    data_preprocessor={{_base_.model.data_preprocessor}},
    generator='work_dirs/gligen/coco.pth', classes=all_classes,
    trainer=dict(
        type='GeneratorModel', precision='bfloat16',
        backbone=dict(_base_.model.backbone, checkpointing=True, vocabulary=dict(
            _base_.model.backbone.vocabulary, num_classes=len(all_classes), num_added=1))))

max_iters = 300
train_cfg = dict(max_iters=max_iters)
train_dataloader = dict(batch_size=4, dataset=dict(
    **few, num_classes=len(all_classes), metainfo=dict(classes=all_classes),
    pipeline=[
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations', with_bbox=True),
        dict(type='Resize', scale=(_base_.image_size, _base_.image_size), keep_ratio=False),
        {{_base_.pack}},
    ]))
optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=0.02, weight_decay=0.0),
                     clip_grad=dict(max_norm=1.0))
param_scheduler = [dict(type='CosineAnnealingLR', by_epoch=False, begin=0, end=max_iters, eta_min=1e-4)]
default_hooks = dict(checkpoint=dict(interval=max_iters, max_keep_ckpts=1))
custom_hooks = []
val_dataloader = val_cfg = val_evaluator = None
test_dataloader = test_cfg = test_evaluator = None
