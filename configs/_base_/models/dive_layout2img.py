# The search with the layout-to-image model; a config that builds on it gives a data set and what its labels are called
# in the model's vocabulary.
_base_ = ['./layout2img_256.py', './zero_shot_search.py', '../dive.py']

model = dict(
    # ---- often changed: what is searched, how hard ----
    inverter={{_base_.zero_shot_inverter}},
    objective={{_base_.zero_shot_objective}},
    prior_weight=1.0,  # the paper's, where there is a prior
    batch_size=128,  # network evaluations at once: bounds the memory
    # ---- rarely changed: the model ----
    type='DIVEDetector', _scope_='dive_mmdet',
    data_preprocessor={{_base_.generator_preprocessor}},
    backbone=dict(_base_.generator, channels_last=True),
    bbox_head=dict(type='dive_mmdet.LayoutHead'))
