# The joint search on the digit scenes: questions about objects that lie apart share their evaluations.
_base_ = ['./dive_proposal_digit-scenes.py']

model = dict(
    # ---- often changed: what is searched, how hard ----
    inverter=dict(
        _delete_=True, type='dive_mmdet.LayoutInverter',
        object_cost=0.00078,  # energy that an object must be worth
        pairs=8,  # of the bank, on which layouts are judged until the last look, which has all of it
        # ---- sometimes changed: groups of settings, see dive_mmdet/inversion/search/settings.py ----
        anchors=dict(scales=[0.25, 0.34, 0.44], ratios=[1.0, 0.6, 0.3], max_side=0.5),
        add=dict(rungs=[2, 4]),
        boxes=dict(pairs=2, scan_pairs=1),
        classes=dict(rungs=[2, 4], reach=0.0008),  # reach: energy that a better box may bring a class
        rearrange=dict(rungs=[2, 4], keep=3, rounds=3),
        rescore=dict(class_pairs=2, class_keep=2)),
    # Where an error tells something: above, the noise hides the layout; a power of two covers the timesteps evenly.
    objective=dict(num_pairs=16, low=200, high=620),
    prior_weight=0.155)
