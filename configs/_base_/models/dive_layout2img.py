# The search with the layout-to-image model; a config that builds on it gives a data set and what its labels are called
# in the model's vocabulary.
_base_ = ['./layout2img_256.py', '../dive.py']

model = dict(
    # ---- often changed: what is searched, how hard ----
    inverter=dict(
        type='dive_mmdet.ProposalInverter',
        sides=[0.15, 0.25, 0.4, 0.63, 1.0],  # longer sides of the first boxes, as parts of the image's side
        aspects=[1.0, 0.5, 2.0],  # width over height, in the square that images are resized to
        overlap=0.3,
        candidates=24, finalists=6, objects_per_round=6, hypotheses=2, hypothesis_pairs=2, class_pairs=1,
        revisit=0,
        max_nfe=20_000),  # evaluations an image; judging an object takes 648 of them on COCO
    objective=dict(num_pairs=8, low=200, high=900, space='epsilon', precision='bfloat16'),
    prior_weight=1.0,  # the paper's, where there is a prior
    batch_size=128,  # network evaluations at once: bounds the memory
    # ---- rarely changed: the model ----
    type='DIVEDetector', _scope_='dive_mmdet',
    data_preprocessor={{_base_.generator_preprocessor}},
    backbone=dict(_base_.generator, channels_last=True),
    bbox_head=dict(type='dive_mmdet.LayoutHead'))
