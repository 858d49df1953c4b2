# DIVE on MNIST-5k: `python tools/test.py` with this file and weights/dive_mnist_5k.pth.
_base_ = ['../_base_/dive_cls.py', '../_base_/datasets/mnist_5k.py', '../_base_/models/dit_mnist-5k.py']

model = dict(
    # ---- often changed: what is searched, how hard ----
    # All ten classes race; who is decidedly behind drops out.
    inverter=dict(type='dive_mmdet.AdaptiveEnumeration', race=dict(pairs=[4, 6, 8, 12, 16, 24, 32], decided=2.0)),
    # The bank that all methods share, at the noise that told most on training images (docs/tuning_log.md).
    objective=dict(num_pairs=50, low=200, high=700, space='epsilon', precision='float32'),
    batch_size=512,  # network evaluations at once
    # ---- rarely changed: the model ----
    type='DIVEClassifier', _scope_='dive_mmdet',
    data_preprocessor={{_base_.preprocessor}},
    backbone={{_base_.generator}},
    head=dict(type='dive_mmdet.ClassHead'))

train_dataloader = None  # nothing is trained here
