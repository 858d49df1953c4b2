# The joint search on COCO: questions about objects that lie apart share their evaluations, and of many classes the
# likeliest alone are asked. No run with the real weights has been made; README.md beside this has what it will cost.
_base_ = ['./dive_proposal_layout2img_coco-zero-shot.py']

model = dict(
    # ---- often changed: what is searched, how hard ----
    inverter=dict(
        _delete_=True, type='dive_mmdet.LayoutInverter',
        object_cost=0.0,  # energy that an object must be worth
        pairs=8,  # of the bank, on which layouts are judged
        max_nfe=6_000,  # evaluations an image, however many objects; judging an object takes 68 of them at most
        # ---- sometimes changed: groups of settings, see dive_mmdet/inversion/search/settings.py ----
        anchors=dict(scales=[0.15, 0.25, 0.4, 0.63, 1.0], ratios=[1.0, 0.5, 2.0], overlap=0.3),
        add=dict(candidates=64, keep=32, rungs=[2, 4]),
        boxes=dict(pairs=2, scan_pairs=1),
        # From pure noise a generator that predicts epsilon expects nothing, so a gradient alone ranks the classes.
        classes=dict(rungs=[1, 4], shortlist=dict(size=32, pairs=2, expected=0.0)),
        rearrange=dict(rounds=1, rungs=[1, 4]),
        rescore=dict(rungs=[2, 8], class_pairs=1)))
