# DIVE on COCO with the public OpenImages weights, whose categories stand for COCO's by name; nothing was trained for
# COCO, and on the images as they are, resized to a square. README.md beside this has the commands.
_base_ = ['../../_base_/datasets/coco_layouts.py', '../../_base_/models/dive_layout2img.py']

classes = tuple(_base_.coco_categories)
model = dict(backbone=dict(vocabulary=dict(answers={{_base_.coco_answers}})))
