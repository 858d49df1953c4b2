# A data set of your own, in COCO format. These five lines are yours; all others follow from them.
data_root = 'data/pasted_shapes/'
annotations = dict(  # file and image folder below data_root: to train on; to check and calibrate on; to evaluate on
    train=('train.json', 'train/'), val=('val.json', 'val/'), test=('test.json', 'test/'))
classes = ('disc', 'triangle')  # names and order of the annotation files
num_objects = 32  # slots: as many as the fullest image has objects
image_size = 96  # side of the square that images are resized to, a multiple of 8

# ---- often changed: what the data allow, and how long ----
flip = ('horizontal',)  # as good: 'horizontal', 'vertical', 'diagonal'; () for none
crop = 1.0  # least part of an image's width and height that a random crop of the training keeps; 1 for no crops
jitter = dict(blur=0.0, colour=0.0)  # of the training: largest blur in pixels, largest change of colours; 0 for none
sides = (0.09, 0.18)  # longer sides of the smallest and the largest objects, as parts of the image's side
iterations = 6000  # of the generator, 32 images each
precision = 'bfloat16'  # of the networks' products: faster where the CPU has AVX512-BF16; 'float32' where it has not
compiled = True  # networks by the C++ compiler: minutes at the start of a run, less time for an evaluation
object_cost = 0.0005  # energy that an object must be worth; tools/misc/measure_costs.py measures both on `val`
prior_weight = 0.0  # of p(layout) in the search; 0 leaves it out

# ---- what follows: vocabulary, p(image | layout) and p(layout) ----
work_root = f'work_dirs/{data_root.strip("/").rpartition("/")[2]}'
vocabulary = dict(num_classes=len(classes), num_objects=num_objects, grid=image_size + 1)  # a grid step is one pixel
class_dim = 16  # numbers that tell a class
generator = dict(
    type='dive_mmdet.LayoutGenerator',
    vocabulary=vocabulary,
    table=dict(type='dive_mmdet.CoordinateTable', class_dim=class_dim),
    first_stage=dict(type='dive_mmdet.IdentityFirstStage', channels=3),
    schedule=dict(type='dive_mmdet.NoiseSchedule'),
    channels=dict(type='dive_mmdet.BoxChannels', sample_size=image_size, class_dim=class_dim, edge=0.5),
    condition=dict(type='dive_mmdet.NoContext'),
    denoiser=dict(type='dive_mmdet.PatchTransformer', sample_size=image_size, channels=3, patch_size=8, width=128,
                  num_layers=6, num_heads=4, context_dim=None, condition_channels=7 + class_dim, detail=8),
    prediction_type='sample', compile=compiled)
layout_prior = dict(
    type='dive_mmdet.LayoutPrior', length=3 * num_objects, row_dim=1 + class_dim, width=128, num_layers=3, num_heads=4,
    schedule=dict(type='dive_mmdet.NoiseSchedule', schedule='linear', beta_start=1e-4, beta_end=2e-2),
    prediction_type='epsilon', num_pairs=8)
preprocessor = dict(
    type='dive_mmdet.GreyOrColourDetPreprocessor', mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=True)
# At high noise the layout is all that says where an object ends (docs/tuning_log.md).
energy = dict(low=400, high=1000, space='sample')

# ---- what follows: reading and evaluating ----
num_workers = 2  # processes that read images; 0 reads them in the training's own
min_side = 3  # pixels of the resized image: a crop leaves out what is cut to less, a search looks for nothing smaller
pack = dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'))
read = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', with_bbox=True)]
crops = [] if crop == 1 else [dict(
    type='RandomCrop', crop_type='relative_range', crop_size=(crop, crop), allow_negative_crop=True)]
resize = dict(type='Resize', scale=(image_size, image_size), keep_ratio=False)
whole = [] if crop == 1 else [dict(type='FilterAnnotations', min_gt_bbox_wh=(min_side, min_side), keep_empty=False)]
flips = [dict(type='RandomFlip', prob=[1 / (1 + len(flip))] * len(flip), direction=list(flip))] if flip else []
jitters = [dict(type='dive_mmdet.JitterAppearance', **jitter)] if any(jitter.values()) else []
train_pipeline = [*read, *crops, resize, *whole, *flips, *jitters, pack]
layout_pipeline = [*read, resize, pack]  # boxes are resized with the image
# Boxes to compare with stay in original pixels.
test_pipeline = [read[0], resize, read[1], pack]
dataset = dict(type='dive_mmdet.LayoutCocoDataset', num_classes=len(classes), data_root=data_root,
               metainfo=dict(classes=classes))
train_dataloader = dict(
    batch_size=32, num_workers=num_workers, persistent_workers=num_workers > 0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(dataset, num_objects=num_objects, ann_file=annotations['train'][0],
                 data_prefix=dict(img=annotations['train'][1]), filter_cfg=dict(filter_empty_gt=True),
                 pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=32, num_workers=num_workers, persistent_workers=num_workers > 0, drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(dataset, ann_file=annotations['val'][0], data_prefix=dict(img=annotations['val'][1]), test_mode=True,
                 pipeline=test_pipeline))
test_dataloader = dict(val_dataloader, dataset=dict(
    val_dataloader['dataset'], ann_file=annotations['test'][0], data_prefix=dict(img=annotations['test'][1])))
val_evaluator = dict(type='dive_mmdet.TestedCocoMetric', ann_file=f'{data_root}/{annotations["val"][0]}', metric='bbox')
test_evaluator = dict(val_evaluator, ann_file=f'{data_root}/{annotations["test"][0]}')
