# COCO 2017 as layouts at 256 x 256 pixels. Two annotation files are written by tools/misc/extract_subcoco.py:
#   python tools/misc/extract_subcoco.py data/coco/annotations/instances_val2017.json \
#       data/coco/annotations/instances_val2017_500.json --count 500
#   python tools/misc/extract_subcoco.py data/coco/annotations/instances_train2017.json \
#       data/coco/annotations/layouts_train2017.json --slots 30
data_root = 'data/coco/'
subset = 'annotations/instances_val2017_500.json'  # scored: all boxes of these images
image_size = 256

pack = dict(type='PackDetInputs',
            meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'crop_box', 'flip',
                       'flip_direction'))
resize = dict(type='Resize', scale=(image_size, image_size), keep_ratio=False)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    resize,
    pack,
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    resize,
    dict(type='LoadAnnotations', with_bbox=True),  # after the resizing: boxes to compare with stay in original pixels
    pack,
]
train_dataloader = dict(
    batch_size=8, num_workers=4, persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(type='dive_mmdet.LayoutCocoDataset', num_classes=80, num_objects=30, data_root=data_root,
                 ann_file='annotations/layouts_train2017.json', data_prefix=dict(img='train2017/'),
                 filter_cfg=dict(filter_empty_gt=True), pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=4, num_workers=2, persistent_workers=True, drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='dive_mmdet.LayoutCocoDataset', num_classes=80, data_root=data_root, ann_file=subset,
                 data_prefix=dict(img='val2017/'), test_mode=True, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type='dive_mmdet.TestedCocoMetric', ann_file=data_root + subset, metric='bbox')
test_evaluator = val_evaluator
