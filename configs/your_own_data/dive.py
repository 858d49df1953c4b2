# DIVE on your own data: `python tools/test.py` with this file and work_dirs/your_own_data/dive.pth.
_base_ = ['../_base_/your_own_data.py', '../_base_/dive.py']
work_dir = 'work_dirs/your_own_data/dive'

sides = [0.1, 0.16, 0.25, 0.4, 0.63]  # longer sides of the first boxes, as parts of the image's side
model = dict(
    # ---- often changed: what is searched, how hard ----
    inverter=dict(
        type='dive_mmdet.ProposalInverter',
        sides=sides,
        aspects=[1.0, 0.5, 2.0],  # width over height, in the square that images are resized to
        overlap=0.3,
        min_side=3 / _base_.image_size,
        # Up to eight objects are added before the image is looked at anew.
        candidates=24, finalists=8, objects_per_round=8, hypotheses=2, hypothesis_pairs=2,
        refine_pairs=4, polish_pairs=4,  # on which moves are compared; the whole bank decides
        # Energy that an object must be worth: what an object explains grows with its area.
        min_gain=0.07 * sides[0] ** 2,
        reach=0.035 * sides[0] ** 2,  # energy that a better box may bring a class
        revisit=0),  # second thoughts cost the square of the number of objects
    # At high noise the layout is all that says where an object ends (docs/tuning_log.md).
    objective=dict(num_pairs=8, low=400, high=1000, space='sample', precision='float32'),
    prior_weight=3 * _base_.num_objects * sides[0] ** 2,  # its energy is a mean over slots, not over the image
    batch_size=max(8, 512 * 64 ** 2 // _base_.image_size ** 2),  # network evaluations at once: bounds the memory
    # ---- rarely changed: the model ----
    type='DIVEDetector', _scope_='dive_mmdet',
    data_preprocessor={{_base_.preprocessor}},
    backbone={{_base_.generator}},
    prior={{_base_.layout_prior}},
    bbox_head=dict(type='dive_mmdet.LayoutHead'))

val_dataloader = dict(batch_size=8)
test_dataloader = val_dataloader
