# mmdet's Faster R-CNN on the images that DIVE is tested on (configs/_base_/datasets/coco_layouts.py).
_base_ = 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py'
custom_imports = dict(imports=['dive_mmdet'], allow_failed_imports=False)

subset = 'annotations/instances_val2017_500.json'
# The same annotations under the same checks.
test_dataloader = dict(dataset=dict(type='dive_mmdet.LayoutCocoDataset', num_classes=80, ann_file=subset))
test_evaluator = dict(ann_file='data/coco/' + subset)
