# DIVE on the 1,000 digit strings: `python tools/test.py` with this file and weights/dive_digit_strings_1000.pth.
_base_ = ['../_base_/default_runtime_cls.py', '../_base_/datasets/digit_strings_1000.py',
          '../_base_/models/dit_digit-strings-1000.py']

# ---- often changed: what is searched, how hard ----
# Without the lowest noise, at which an image tells its class already. All methods share this bank.
objective = dict(num_pairs=50, low=300, high=1000, space='sample')
inversion_hook = dict(
    type='dive_mmdet.InversionHook',
    inverter=dict(
        type='dive_mmdet.ShortlistInverter',
        candidates=[24, 8],  # classes that are compared: by expected images, and by a gradient at the best of those
        pairs=[1, 4, 16], keep=[8, 3, 1],  # how they are compared
        gradient_pairs=2),
    objective=objective)
# ---- rarely changed: the model ----
custom_hooks = [inversion_hook]
model = dict(
    type='DIVEClassifier', _scope_='dive_mmdet',
    data_preprocessor={{_base_.preprocessor}},
    backbone={{_base_.generator}},
    head=dict(type='dive_mmdet.ClassHead'),
    hooks=custom_hooks)  # interfaces that run no hooks read them here

train_dataloader = None
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(logger=dict(interval=1))
