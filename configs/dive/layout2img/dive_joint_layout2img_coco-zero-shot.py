# The joint search on COCO: questions about objects that lie apart share their evaluations, and of many classes the
# likeliest are asked. README.md beside this has what it costs; no run with the real weights has been made.
_base_ = ['./dive_proposal_layout2img_coco-zero-shot.py']

model = dict(
    # ---- often changed: what is searched, how hard ----
    inverter=dict(
        _delete_=True, type='dive_mmdet.LayoutInverter',
        object_cost=0.0,  # energy that an object must be worth
        pairs=8,  # of the bank, on which layouts are judged
        max_nfe=6_000,  # evaluations an image
        # ---- sometimes changed: groups of settings, see dive_mmdet/inversion/search/settings.py ----
        anchors=dict(scales=[0.15, 0.25, 0.4, 0.63, 1.0], ratios=[1.0, 0.5, 2.0], overlap=0.3),
        add=dict(candidates=32, keep=16, rungs=[2, 4]),
        boxes=dict(pairs=2, scan_pairs=1),
        classes=dict(rungs=[1, 4], shortlist=dict(size=32, expected=0.0)),
        rearrange=dict(rounds=1, rungs=[1, 4]),
        rescore=dict(rungs=[2, 8], class_pairs=1)))
