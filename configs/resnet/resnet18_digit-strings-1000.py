# The baseline classifier of digit strings, from scratch, 1.2 million parameters: `python tools/train.py` with this
# file.
_base_ = ['../_base_/default_runtime_cls.py', '../_base_/datasets/digit_strings_1000.py',
          '../_base_/schedules/resnet.py']

model = dict(
    type='ImageClassifier',
    data_preprocessor={{_base_.preprocessor}},
    backbone=dict(type='ResNet_CIFAR', depth=18, num_stages=3, strides=(2, 2, 2), dilations=(1, 1, 1),
                  out_indices=(2,), stem_channels=32, base_channels=32, style='pytorch'),
    # Where a digit stands matters here, so the 2 x 6 features are joined instead of averaged.
    neck=dict(type='LinearNeck', in_channels=128 * 2 * 6, out_channels=192),
    head=dict(type='LinearClsHead', num_classes=1000, in_channels=192, loss=dict(type='CrossEntropyLoss')))

max_iters = 4000
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=1000)
train_dataloader = dict(batch_size=128)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=200),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=200, end=max_iters, eta_min=1e-5),
]
