# DIVE on the digit scenes: `python tools/test.py` with this file and weights/dive_digit_scenes.pth.
_base_ = ['../_base_/datasets/digit_scenes.py', '../_base_/models/layout_patch-transformer_64.py',
          '../_base_/models/layout_prior.py', '../_base_/dive.py']

model = dict(
    # ---- often changed: what is searched, how hard ----
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
    objective=dict(num_pairs=16, low=200, high=900, space='epsilon', precision='float32'),
    prior_weight=0.1,  # 0: no prior
    batch_size=128,  # network evaluations at once; more leave a CPU's cache, a GPU likes more
    # ---- rarely changed: the model ----
    type='DIVEDetector', _scope_='dive_mmdet',
    data_preprocessor={{_base_.generator_preprocessor}},
    backbone={{_base_.generator}},
    prior={{_base_.layout_prior}},
    bbox_head=dict(type='dive_mmdet.LayoutHead'))

val_dataloader = dict(batch_size=8)
test_dataloader = val_dataloader
