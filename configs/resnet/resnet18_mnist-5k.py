# The baseline classifier of MNIST-5k, from scratch, 0.7 million parameters: `python tools/train.py` with this file.
_base_ = ['../_base_/default_runtime_cls.py', '../_base_/datasets/mnist_5k.py', '../_base_/schedules/resnet.py']

model = dict(
    type='ImageClassifier',
    data_preprocessor={{_base_.preprocessor}},
    backbone=dict(type='ResNet_CIFAR', depth=18, num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1),
                  out_indices=(2,), stem_channels=32, base_channels=32, style='pytorch'),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=10, in_channels=128, loss=dict(type='CrossEntropyLoss')))

optim_wrapper = dict(optimizer=dict(lr=6e-3))  # chosen on training images (README.md)
max_iters = 800
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=400)
train_dataloader = dict(batch_size=128)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=100, end=max_iters, eta_min=1e-5),
]
