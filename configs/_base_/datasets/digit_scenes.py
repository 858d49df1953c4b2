# Scenes of real handwritten digits: training scenes on the fly, the others written by
#   python tools/dataset_converters/make_digit_scenes.py
data_root = 'data/digit_scenes/'
image_size = 64
classes = ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
num_classes = 10
num_objects = 4  # slots of a layout: a scene holds at most this many digits

composer = dict(split='train', seed=0, size=image_size, max_digits=num_objects, max_rotation=10.0, max_shear=10.0)
pack = dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'))
train_pipeline = [
    dict(type='dive_mmdet.LoadComposedImage'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape')),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(image_size, image_size), keep_ratio=False),
    dict(type='LoadAnnotations', with_bbox=True),
    pack,
]
train_dataloader = dict(
    batch_size=64, num_workers=0, persistent_workers=False,
    sampler=dict(type='InfiniteSampler', shuffle=False),
    dataset=dict(type='dive_mmdet.DigitSceneDataset', num_scenes=10_000_000, composer=composer,
                 pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=50, num_workers=0, persistent_workers=False, drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='dive_mmdet.LayoutCocoDataset', num_classes=num_classes, data_root=data_root,
                 ann_file='val.json', data_prefix=dict(img='val/'),
                 metainfo=dict(classes=classes), test_mode=True, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type='dive_mmdet.TestedCocoMetric', ann_file=data_root + 'val.json', metric='bbox')
test_evaluator = val_evaluator
