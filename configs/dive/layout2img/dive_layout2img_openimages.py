# DIVE on OpenImages' validation images with the public weights; mmdet's data set and metric. The model answers with
# its 340 categories; names merged into another one (Man into Person) are reached by the metric's hierarchy alone.
_base_ = ['mmdet::_base_/datasets/openimages_detection.py', '../../_base_/models/dive_layout2img.py']

# After `_base_`, or mmengine takes this for a config of its other kind.
from mmdet.evaluation import get_classes  # noqa: E402

# mmdet's names stand in the order of OpenImages' class-descriptions-boxable.csv, from which the data set takes labels.
classes = tuple(get_classes('oid_v6'))
openimages_answers = [[_base_.layout_names.index(name)] if name in _base_.layout_names else []
                      for name in classes]
model = dict(
    backbone=dict(vocabulary=dict(answers=openimages_answers)),
    # Of 340 categories more may be likely; judging an object takes 100 evaluations at most.
    inverter=dict(max_nfe=8_000, classes=dict(shortlist=dict(size=64, pairs=4))))

test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(256, 256), keep_ratio=False),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'instances',
                                          'image_level_labels')),
]
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
val_dataloader = test_dataloader
