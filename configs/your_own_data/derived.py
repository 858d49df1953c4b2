# What follows from the lines of data.py: generator, prior, and how images are read and judged.
_base_ = ['./data.py']

# ---- what follows: vocabulary, p(image | layout) and p(layout) ----
work_root = f'work_dirs/{_base_.data_root.strip("/").rpartition("/")[2]}'
vocabulary = dict(  # a grid step is one pixel
    num_classes=len(_base_.classes), num_objects=_base_.num_objects, grid=_base_.image_size + 1)
class_dim = 16  # numbers that tell a class
generator = dict(
    type='dive_mmdet.LayoutGenerator',
    vocabulary=vocabulary,
    table=dict(type='dive_mmdet.CoordinateTable', class_dim=class_dim),
    first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=3),
    schedule=dict(type='dive_mmdet.NoiseSchedule'),
    channels=dict(type='dive_mmdet.BoxChannels', sample_size=_base_.image_size, class_dim=class_dim, edge=0.5),
    condition=dict(type='dive_mmdet.NoContext'),
    denoiser=dict(type='dive_mmdet.PatchTransformer', sample_size=_base_.image_size, channels=3, patch_size=8,
                  width=128, num_layers=6, num_heads=4, context_dim=None, condition_channels=7 + class_dim, detail=8),
    prediction_type='sample', compile=_base_.compiled)
layout_prior = dict(
    type='dive_mmdet.LayoutPrior', length=3 * _base_.num_objects, row_dim=1 + class_dim, width=128, num_layers=3,
    num_heads=4,
    schedule=dict(type='dive_mmdet.NoiseSchedule', schedule='linear', beta_start=1e-4, beta_end=2e-2),
    prediction_type='epsilon', num_pairs=8)
preprocessor = dict(
    type='dive_mmdet.GreyOrColourDetPreprocessor', mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=True)
# Where classes and sides are noticed best: tools/analysis_tools/check_objects.py --windows (docs/tuning_log.md).
energy = dict(low=0, high=600, space='epsilon')

# ---- what follows: reading and evaluating ----
num_workers = 2  # processes that read images; 0 reads them in the training's own
min_side = 3  # pixels of the resized image: a crop leaves out what is cut to less, a search looks for nothing smaller
pack = dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'))
read = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', with_bbox=True)]
crops = [] if _base_.crop == 1 else [dict(
    type='RandomCrop', crop_type='relative_range', crop_size=(_base_.crop, _base_.crop), allow_negative_crop=True)]
resize = dict(type='Resize', scale=(_base_.image_size, _base_.image_size), keep_ratio=False)
whole = [] if _base_.crop == 1 else [dict(
    type='FilterAnnotations', min_gt_bbox_wh=(min_side, min_side), keep_empty=False)]
ways = list(_base_.flip)
flips = [dict(type='RandomFlip', prob=[1 / (1 + len(ways))] * len(ways), direction=ways)] if ways else []
jitters = [dict(type='dive_mmdet.JitterAppearance', **_base_.jitter)] if any(_base_.jitter.values()) else []
train_pipeline = [*read, *crops, resize, *whole, *flips, *jitters, pack]
layout_pipeline = [*read, resize, pack]  # boxes are resized with the image
# Boxes to compare with stay in original pixels.
test_pipeline = [read[0], resize, read[1], pack]
dataset = dict(type='dive_mmdet.LayoutCocoDataset', num_classes=len(_base_.classes), data_root=_base_.data_root,
               metainfo=dict(classes=_base_.classes))
train_dataloader = dict(
    batch_size=32, num_workers=num_workers, persistent_workers=num_workers > 0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(dataset, num_objects=_base_.num_objects, ann_file=_base_.annotations['train'][0],
                 data_prefix=dict(img=_base_.annotations['train'][1]), filter_cfg=dict(filter_empty_gt=True),
                 pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=32, num_workers=num_workers, persistent_workers=num_workers > 0, drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(dataset, ann_file=_base_.annotations['val'][0], data_prefix=dict(img=_base_.annotations['val'][1]),
                 test_mode=True, pipeline=test_pipeline))
test_dataloader = dict(val_dataloader, dataset=dict(
    val_dataloader['dataset'], ann_file=_base_.annotations['test'][0],
    data_prefix=dict(img=_base_.annotations['test'][1])))
val_evaluator = dict(
    type='dive_mmdet.TestedCocoMetric', ann_file=f'{_base_.data_root}/{_base_.annotations["val"][0]}', metric='bbox')
test_evaluator = dict(val_evaluator, ann_file=f'{_base_.data_root}/{_base_.annotations["test"][0]}')
