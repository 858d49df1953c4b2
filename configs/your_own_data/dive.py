# DIVE on your own data: `python tools/test.py` with this file and work_dirs/your_own_data/dive.pth.
_base_ = ['../_base_/your_own_data.py', '../_base_/dive.py']
work_dir = 'work_dirs/your_own_data/dive'

scales = [0.1, 0.16, 0.25, 0.4, 0.63]  # longer sides of the anchors, as parts of the image's side
model = dict(
    # ---- often changed: what is searched, how hard ----
    inverter=dict(
        type='dive_mmdet.LayoutInverter',
        # Energy that an object must be worth: what an object explains grows with its area.
        object_cost=0.07 * scales[0] ** 2,
        pairs=8,  # of the bank, on which layouts are judged
        # ---- sometimes changed: groups of settings, see dive_mmdet/inversion/search/settings.py ----
        # Ratios are width over height in the square that images are resized to.
        anchors=dict(scales=scales, ratios=[1.0, 0.5, 2.0], overlap=0.3, min_side=3 / _base_.image_size),
        add=dict(candidates=32, keep=16, rungs=(2, 4)),
        classes=dict(rungs=(2, 4), reach=0.07 * scales[0] ** 2),  # energy that a better box may bring a class
        rearrange=dict(rungs=(2, 4)),
        rescore=dict(rungs=(4, 8))),
    # At high noise the layout is all that says where an object ends (docs/tuning_log.md).
    objective=dict(num_pairs=8, low=400, high=1000, space='sample', precision='float32'),
    prior_weight=3 * _base_.num_objects * scales[0] ** 2,  # its energy is a mean over slots, not over the image
    batch_size=max(8, 512 * 64 ** 2 // _base_.image_size ** 2),  # network evaluations at once: bounds the memory
    # ---- rarely changed: the model ----
    type='DIVEDetector', _scope_='dive_mmdet',
    data_preprocessor={{_base_.preprocessor}},
    backbone={{_base_.generator}},
    prior={{_base_.layout_prior}},
    bbox_head=dict(type='dive_mmdet.LayoutHead'))

val_dataloader = dict(batch_size=8)
test_dataloader = val_dataloader
