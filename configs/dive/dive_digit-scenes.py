# DIVE on the digit scenes: `python tools/test.py` with this file and weights/dive_digit_scenes.pth.
_base_ = ['../_base_/datasets/digit_scenes.py', '../_base_/models/layout_patch-transformer_64.py',
          '../_base_/models/layout_prior.py', '../_base_/dive.py']

model = dict(
    # ---- often changed: what is searched, how hard ----
    inverter=dict(
        type='dive_mmdet.LayoutInverter',
        object_cost=0.00078,  # energy that an object must be worth
        pairs=16,  # of the bank, on which layouts are judged until the last look, which has all of it
        # ---- sometimes changed: groups of settings, see dive_mmdet/inversion/search/settings.py ----
        anchors=dict(scales=[0.25, 0.34, 0.44], ratios=[1.0, 0.6, 0.3], max_side=0.5),
        add=dict(rungs=(2, 4)),
        boxes=dict(pairs=2, scan_pairs=1),
        classes=dict(rungs=(4, 8), keep=3, reach=0.0008),  # energy that a better box may bring a class
        rearrange=dict(rungs=(2, 4), anchors=6, keep=3, rounds=3),
        rescore=dict(rungs=(4, 8, 16, 32), rounds=3, class_pairs=4, class_keep=3)),
    # Without the lowest noise, at which the layout is forgotten, and the highest (docs/design.md). A power of two:
    # every first part of its pairs covers the timesteps.
    objective=dict(num_pairs=32, low=200, high=620, space='epsilon', precision='float32'),
    prior_weight=0.155,  # 0: no prior
    batch_size=128,  # network evaluations at once; more leave a CPU's cache, a GPU likes more
    # ---- rarely changed: the model ----
    type='DIVEDetector', _scope_='dive_mmdet',
    data_preprocessor={{_base_.generator_preprocessor}},
    backbone={{_base_.generator}},
    prior={{_base_.layout_prior}},
    bbox_head=dict(type='dive_mmdet.LayoutHead'))

val_dataloader = dict(batch_size=8)
test_dataloader = val_dataloader
