# DIVE on your own data: `python tools/test.py` with this file and the checkpoint that tools/misc/assemble.py wrote.
_base_ = ['./derived.py', '../_base_/dive.py']
work_dir = f'{_base_.work_root}/dive'

smallest, largest = _base_.sides
# Longer sides of the anchors, a factor of 1.6 apart.
scales = [smallest * 1.6 ** step for step in range(12) if step == 0 or smallest * 1.6 ** (step - 0.5) < largest]
model = dict(
    # ---- often changed: what is searched, how hard ----
    inverter=dict(
        type='dive_mmdet.LayoutInverter',
        object_cost={{_base_.object_cost}},
        pairs=8,  # of the bank, on which layouts are judged
        # ---- sometimes changed: groups of settings, see dive_mmdet/inversion/search/settings.py ----
        # Ratios are width over height in the square that images are resized to.
        anchors=dict(scales=scales, ratios=[1.0, 0.5, 2.0], overlap=0.3, min_side=_base_.min_side / _base_.image_size),
        add=dict(candidates=32, keep=16, rungs=(2, 4), sweep=1),
        boxes=dict(pairs=2, rounds=2, scan_pairs=1, axes=(1 / 48, 1 / 24)),
        # `reach`: energy that a better box may bring a class; the box of a wrong class is wrong too.
        classes=dict(rungs=(2, 4), beam=1, reach=4 * _base_.object_cost, scan=1 / 32),
        rearrange=dict(rungs=(2, 4), rounds=1),
        rescore=dict(rungs=(4, 8))),
    objective=dict(_base_.energy, num_pairs=8, precision=_base_.precision),
    prior_weight={{_base_.prior_weight}},  # its energy is a mean over slots, the other one over the image
    batch_size=max(8, 512 * 64 ** 2 // _base_.image_size ** 2),  # network evaluations at once: bounds the memory
    # ---- rarely changed: the model ----
    type='DIVEDetector', _scope_='dive_mmdet',
    data_preprocessor={{_base_.preprocessor}},
    backbone={{_base_.generator}},
    prior={{_base_.layout_prior}},
    bbox_head=dict(type='dive_mmdet.LayoutHead'))

# An image is on disk when it is finished.
val_dataloader = dict(batch_size=1)
test_dataloader = dict(batch_size=1)
