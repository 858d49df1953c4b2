# How a public generator of photographs is searched, whatever its condition.
zero_shot_inverter = dict(
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
    rescore=dict(rungs=(2, 8), class_pairs=1))
zero_shot_objective = dict(num_pairs=8, low=200, high=900, space='epsilon', precision='bfloat16')
