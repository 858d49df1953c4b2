# A data set of your own, in COCO format. These five lines are yours; all others follow from them.
data_root = 'data/pasted_shapes/'
annotations = dict(train=('train.json', 'train/'), val=('val.json', 'val/'))  # file and image folder below data_root
classes = ('disc', 'triangle')  # names and order of the annotation files
num_objects = 32  # slots: as many as the fullest image has objects
image_size = 96  # side of the square that images are resized to, a multiple of 8

# ---- what follows: vocabulary, p(image | layout) and p(layout) ----
vocabulary = dict(num_classes=len(classes), num_objects=num_objects, grid=image_size + 1)  # a grid step is one pixel
generator = dict(
    type='dive_mmdet.LayoutGenerator',
    vocabulary=vocabulary,
    table=dict(dim=64, corner_init='sinusoid', corner_max_cycles=image_size / 4, train_corners=False),
    first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=3),
    schedule=dict(type='dive_mmdet.NoiseSchedule'),
    condition=dict(type='dive_mmdet.ObjectEncoder', row_dim=64, width=128, num_layers=1, num_heads=4),
    denoiser=dict(type='dive_mmdet.PatchTransformer', sample_size=image_size, channels=3, patch_size=8, width=128,
                  num_layers=6, num_heads=4, context_dim=128),
    prediction_type='sample')
layout_prior = dict(
    type='dive_mmdet.LayoutPrior', length=3 * num_objects, row_dim=64, width=128, num_layers=3, num_heads=4,
    schedule=dict(type='dive_mmdet.NoiseSchedule', schedule='linear', beta_start=1e-4, beta_end=2e-2),
    prediction_type='epsilon', num_pairs=8)
preprocessor = dict(
    type='dive_mmdet.GreyOrColourDetPreprocessor', mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=True)

# ---- what follows: reading and evaluating ----
num_workers = 2  # processes that read images; 0 reads them in the training's own
pack = dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'))
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
    batch_size=32, num_workers=num_workers, persistent_workers=num_workers > 0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(type='dive_mmdet.LayoutCocoDataset', num_classes=len(classes), num_objects=num_objects,
                 data_root=data_root, ann_file=annotations['train'][0], data_prefix=dict(img=annotations['train'][1]),
                 metainfo=dict(classes=classes), filter_cfg=dict(filter_empty_gt=True), pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=32, num_workers=num_workers, persistent_workers=num_workers > 0, drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='dive_mmdet.LayoutCocoDataset', num_classes=len(classes),
                 data_root=data_root, ann_file=annotations['val'][0], data_prefix=dict(img=annotations['val'][1]),
                 metainfo=dict(classes=classes), test_mode=True, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type='dive_mmdet.TestedCocoMetric', ann_file=f'{data_root}/{annotations["val"][0]}', metric='bbox')
test_evaluator = val_evaluator
