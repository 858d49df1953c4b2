# DIVE on COCO with the generator and the prior that configs/generator/layout2img_coco.py and
# configs/prior/layout-prior_layout2img_coco.py train.
_base_ = ['./dive_layout2img_coco-zero-shot.py']

model = dict(prior={{_base_.layout_prior}})
