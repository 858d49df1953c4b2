# The joint search on OpenImages: as on COCO, with a longer shortlist of the 340 categories.
_base_ = ['./dive_proposal_layout2img_openimages.py']

model = dict(
    inverter=dict(
        _delete_=True, type='dive_mmdet.LayoutInverter', object_cost=0.0, pairs=8,
        max_nfe=8_000,  # judging an object takes 100 of them at most
        anchors=dict(scales=[0.15, 0.25, 0.4, 0.63, 1.0], ratios=[1.0, 0.5, 2.0], overlap=0.3),
        add=dict(candidates=64, keep=32, rungs=[2, 4]),
        boxes=dict(pairs=2, scan_pairs=1),
        classes=dict(rungs=[1, 4], shortlist=dict(size=64, pairs=4, expected=0.0)),
        rearrange=dict(rounds=1, rungs=[1, 4]),
        rescore=dict(rungs=[2, 8], class_pairs=1)))
