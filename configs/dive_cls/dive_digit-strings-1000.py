# DIVE on the 1,000 digit strings: `python tools/test.py` with this file and weights/dive_digit_strings_1000.pth.
_base_ = ['../_base_/dive_cls.py', '../_base_/datasets/digit_strings_1000.py',
          '../_base_/models/dit_digit-strings-1000.py']

model = dict(
    # ---- often changed: what is searched, how hard ----
    inverter=dict(
        type='dive_mmdet.ShortlistInverter',
        candidates=32, gradient_pairs=16, expected=0.2,  # classes that race, and how they are chosen
        race=dict(pairs=[2, 4, 6, 8, 12, 16, 24, 32], keep=[12, 8, 6, 4, 4, 3, 3, 2], decided=3.0),
        max_nfe=300),
    # The bank that all methods share, at the noise that told most on training images (docs/tuning_log.md).
    objective=dict(num_pairs=50, low=100, high=450, space='epsilon', precision='float32'),
    batch_size=512,  # network evaluations at once
    # ---- rarely changed: the model ----
    type='DIVEClassifier', _scope_='dive_mmdet',
    data_preprocessor={{_base_.preprocessor}},
    backbone={{_base_.generator}},
    head=dict(type='dive_mmdet.ClassHead'))

train_dataloader = None  # nothing is trained here
