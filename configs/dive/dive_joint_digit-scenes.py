# The joint search on the digit scenes: questions about objects that lie apart share their evaluations.
_base_ = ['./dive_proposal_digit-scenes.py']

model = dict(
    # ---- often changed: what is searched, how hard ----
    inverter=dict(
        _delete_=True, type='dive_mmdet.LayoutInverter',
        object_cost=0.0005,  # energy that an object must be worth
        pairs=16,  # of the bank, on which layouts are judged until the last look, which has all of it
        # ---- sometimes changed: groups of settings, see dive_mmdet/inversion/search/settings.py ----
        anchors=dict(scales=[0.25, 0.34, 0.44], ratios=[1.0, 0.6, 0.3], max_side=0.5),
        classes=dict(
            reach=0.0005,  # energy that a better box may bring a class
            shortlist=dict(size=64)),  # classes that are asked, the likeliest, where there are more
        rescore=dict(rungs=[8, 32], rounds=5)),
    objective=dict(num_pairs=32))  # a power of two: every first part of its pairs covers the timesteps
