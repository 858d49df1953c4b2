# DIVE on COCO with the generator and the prior that configs/generator/layout2img_coco.py and
# configs/prior/layout-prior_layout2img_coco.py train.
_base_ = ['./dive_proposal_layout2img_coco-zero-shot.py']

prior_hook = dict(type='dive_mmdet.LayoutPriorHook', prior={{_base_.layout_prior}}, weight=1.0)  # the paper's weight
custom_hooks = [{{_base_.inversion_hook}}, prior_hook]
model = dict(hooks=custom_hooks)
