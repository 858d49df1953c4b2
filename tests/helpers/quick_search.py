"""A search that takes hardly any time."""

QUICK = dict(
    type='dive_mmdet.LayoutInverter', pairs=1, anchors=dict(scales=[0.4], ratios=[1.0], overlap=0.0, max_side=1.0),
    add=dict(rungs=(1,), keep=1), boxes=dict(pairs=1, rounds=1, scan=0), classes=dict(rungs=(1,), beam=0),
    rearrange=dict(rounds=0), rescore=dict(rungs=(1,), rounds=1, class_pairs=1, class_keep=1))
