# p(image | layout) of COCO, on from the public OpenImages weights: the model's categories stay, COCO's classes become
# theirs by name. Untested: it needs a GPU. README.md beside this has the commands.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/coco_layouts.py', '../_base_/models/layout2img_256.py',
          '../_base_/schedules/generator.py']

load_from = 'work_dirs/layout2img/openimages256.pth'
model = dict(
    type='GeneratorModel', _scope_='dive_mmdet',
    data_preprocessor={{_base_.generator_preprocessor}},
    backbone=dict(_base_.generator, vocabulary=dict(_base_.layout_vocabulary, answers=_base_.coco_answers),
                  checkpointing=True, channels_last=True),
    loss=dict(norm='l1', class_dropout=0.1),  # the search asks about objects of unknown class
    precision='bfloat16',
    conditioning_check=dict(num_pairs=4, low=200, high=900, shift=1 / 16))

max_iters = 100_000
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=5000)
# The check compares layouts, so their boxes are resized with the image, and there must be layouts.
val_dataloader = dict(batch_size=8, dataset=dict(
    num_objects=30, ann_file='annotations/layouts_val2017.json', max_images=200, pipeline={{_base_.train_pipeline}}))
val_evaluator = dict(_delete_=True, type='dive_mmdet.ConditioningMetric')
test_dataloader = val_dataloader
test_evaluator = val_evaluator

optim_wrapper = dict(optimizer=dict(lr=2e-5))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=1000),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=1000, end=max_iters, eta_min=1e-7),
]
default_hooks = dict(checkpoint=dict(interval=5000, max_keep_ckpts=2))
