# DIVE on your own data: `python tools/test.py` with this file and work_dirs/your_own_data/dive.pth.
_base_ = ['../_base_/default_runtime.py', '../_base_/your_own_data.py']
work_dir = 'work_dirs/your_own_data/dive'

# ---- often changed: what is searched, how hard ----
sides = [0.1, 0.16, 0.25, 0.4, 0.63]  # longer sides of the first boxes, as parts of the image's side
inversion_hook = dict(
    type='dive_mmdet.InversionHook',
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
    # At high noise the layout is all that says where an object ends (docs/your_own_data.md).
    objective=dict(num_pairs=8, low=400, high=1000, space='sample'),
    batch_size=max(8, 512 * 64 ** 2 // _base_.image_size ** 2))  # network evaluations at once: bounds the memory
# ---- sometimes changed: the prior ----
# Its energy is a mean over slots, the likelihood's one over the image.
prior_weight = 3 * _base_.num_objects * sides[0] ** 2
prior_hook = dict(type='dive_mmdet.LayoutPriorHook', prior={{_base_.layout_prior}}, weight=prior_weight)
# ---- rarely changed: the model ----
custom_hooks = [inversion_hook, prior_hook]
model = dict(
    type='DIVEDetector', _scope_='dive_mmdet',
    data_preprocessor={{_base_.preprocessor}},
    backbone={{_base_.generator}},
    bbox_head=dict(type='dive_mmdet.LayoutHead'),
    hooks=custom_hooks)  # interfaces that run no hooks read them here

train_dataloader = None  # nothing is trained here
val_dataloader = dict(batch_size=8)
test_dataloader = val_dataloader
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='dive_mmdet.ResumableTestLoop')
model_wrapper_cfg = dict(type='MMSeparateDistributedDataParallel')  # nothing is trained, which DDP would refuse
default_hooks = dict(logger=dict(interval=1))
