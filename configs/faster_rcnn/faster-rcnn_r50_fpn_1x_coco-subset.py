# mmdet's Faster R-CNN on the images that DIVE is tested on (configs/_base_/datasets/coco_layouts.py).
_base_ = 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py'

subset = 'annotations/instances_val2017_500.json'
test_dataloader = dict(dataset=dict(ann_file=subset))
test_evaluator = dict(ann_file='data/coco/' + subset)
