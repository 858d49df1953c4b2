# DIVE on your own data: `python tools/test.py` with this file and the checkpoint that tools/misc/assemble.py wrote.
_base_ = ['./data.py', '../_base_/dive.py']
work_dir = f'{_base_.work_root}/dive'

smallest, largest = _base_.sides
# Longer sides of the anchors, a factor of 1.6 apart.
scales = [smallest * 1.6 ** step for step in range(12) if step == 0 or smallest * 1.6 ** (step - 0.5) < largest]
model = dict(
    # ---- often changed: what is searched, how hard ----
    inverter=dict(
        type='dive_mmdet.LayoutInverter',
        # Energy that an object must be worth: what an object explains grows with its area.
        object_cost=0.07 * smallest ** 2,
        pairs=8,  # of the bank, on which layouts are judged
        # ---- sometimes changed: groups of settings, see dive_mmdet/inversion/search/settings.py ----
        # Ratios are width over height in the square that images are resized to.
        anchors=dict(scales=scales, ratios=[1.0, 0.5, 2.0], overlap=0.3, min_side=_base_.min_side / _base_.image_size),
        add=dict(candidates=32, keep=16, rungs=(2, 4)),
        classes=dict(rungs=(2, 4), reach=0.07 * smallest ** 2),  # energy that a better box may bring a class
        rearrange=dict(rungs=(2, 4)),
        rescore=dict(rungs=(4, 8))),
    objective=dict(_base_.objective, num_pairs=8, precision='float32'),
    prior_weight=3 * _base_.num_objects * smallest ** 2,  # its energy is a mean over slots, not over the image
    batch_size=max(8, 512 * 64 ** 2 // _base_.image_size ** 2),  # network evaluations at once: bounds the memory
    # ---- rarely changed: the model ----
    type='DIVEDetector', _scope_='dive_mmdet',
    data_preprocessor={{_base_.preprocessor}},
    backbone={{_base_.generator}},
    prior={{_base_.layout_prior}},
    bbox_head=dict(type='dive_mmdet.LayoutHead'))

val_dataloader = dict(batch_size=8)
test_dataloader = dict(batch_size=8)
