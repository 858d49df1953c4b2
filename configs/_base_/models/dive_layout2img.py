# The search with the layout-to-image model; a config that builds on it gives a data set and what its labels are called
# in the model's vocabulary.
_base_ = ['./layout2img_256.py', '../dive.py']

model = dict(
    # ---- often changed: what is searched, how hard ----
    inverter=dict(
        type='dive_mmdet.LayoutInverter',
        pairs=8,  # of the bank, on which layouts are judged
        max_nfe=6_000,  # evaluations an image, however many objects; judging an object takes 68 of them at most
        # ---- sometimes changed: groups of settings, see dive_mmdet/inversion/search/settings.py ----
        # Ratios are width over height in the square that images are resized to.
        anchors=dict(scales=[0.15, 0.25, 0.4, 0.63, 1.0], ratios=[1.0, 0.5, 2.0], overlap=0.3),
        add=dict(candidates=64, keep=32, rungs=(2, 4)),
        boxes=dict(pairs=2, scan_pairs=1),
        # From pure noise a generator that predicts epsilon expects nothing, so a gradient alone ranks the classes.
        classes=dict(rungs=(1, 4), shortlist=dict(size=32, pairs=2, expected=0.0)),
        rearrange=dict(rounds=1, rungs=(1, 4)),
        rescore=dict(rungs=(2, 8), class_pairs=1)),
    objective=dict(num_pairs=8, low=200, high=900, space='epsilon', precision='bfloat16'),
    prior_weight=1.0,  # the paper's, where there is a prior
    batch_size=128,  # network evaluations at once: bounds the memory
    # ---- rarely changed: the model ----
    type='DIVEDetector', _scope_='dive_mmdet',
    data_preprocessor={{_base_.generator_preprocessor}},
    backbone=dict(_base_.generator, channels_last=True),
    bbox_head=dict(type='dive_mmdet.LayoutHead'))
