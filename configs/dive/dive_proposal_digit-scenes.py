# DIVE on the digit scenes: `python tools/test.py` with this file and weights/dive_digit_scenes.pth.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/digit_scenes.py',
          '../_base_/models/layout_patch-transformer_64.py', '../_base_/models/layout_prior.py']

# ---- often changed: what is searched, how hard ----
inversion_hook = dict(
    type='dive_mmdet.InversionHook',
    inverter=dict(
        type='dive_mmdet.ProposalInverter',
        sides=[0.25, 0.34, 0.44],  # longer sides of the first boxes, as parts of the image's side
        aspects=[1.0, 0.6, 0.3],  # width over height
        max_side=0.5,
        hypotheses=5,  # classified boxes refined for each object
        polish_pairs=8,  # on which moves of a found object are compared; the whole bank decides
        min_gain=0.0005,  # energy that an object must be worth
        reach=0.00025,  # energy that a better box may bring a class
        final_pairs=48),  # of the larger bank that has the last word
    # Without the lowest noise, at which the layout is forgotten, and the highest (docs/design.md).
    objective=dict(num_pairs=16, low=200, high=900, space='epsilon'),
    batch_size=128)  # network evaluations at once; more leave a CPU's cache, a GPU likes more
# ---- sometimes changed: the prior ----
prior_hook = dict(type='dive_mmdet.LayoutPriorHook', prior={{_base_.layout_prior}}, weight=0.1)
# ---- rarely changed: the model ----
custom_hooks = [inversion_hook, prior_hook]
model = dict(
    type='DIVEDetector', _scope_='dive_mmdet',
    data_preprocessor={{_base_.generator_preprocessor}},
    backbone={{_base_.generator}},
    bbox_head=dict(type='dive_mmdet.LayoutHead'),
    hooks=custom_hooks)  # interfaces that run no hooks read them here
model_wrapper_cfg = dict(type='MMSeparateDistributedDataParallel')  # nothing is trained, which DDP would refuse

train_dataloader = None
val_dataloader = dict(batch_size=8)
test_dataloader = val_dataloader
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='dive_mmdet.ResumableTestLoop')
default_hooks = dict(logger=dict(interval=1))
