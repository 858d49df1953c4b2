# Three real digits side by side: 1,000 classes, 000 to 999, composed when they are asked for. Validation strings are of
# validation digits alone.
num_classes = 1000
side = 16  # of the square that a digit fills
image_size = (side, 3 * side)  # height, width

composer = dict(split='train', seed=0, num_digits=3, side=side, max_rotation=10.0, max_shear=10.0, max_shift=0.8)
pack = [dict(type='PackInputs', meta_keys=('img_id', 'ori_shape', 'img_shape'))]
train_dataloader = dict(
    batch_size=64, num_workers=0, persistent_workers=False, collate_fn=dict(type='default_collate'),
    sampler=dict(type='InfiniteSampler', shuffle=False),
    dataset=dict(type='dive_mmdet.DigitStringDataset', num_images=10_000_000, composer=composer, pipeline=pack))
val_dataloader = dict(
    batch_size=50, num_workers=0, persistent_workers=False, drop_last=False,
    collate_fn=dict(type='default_collate'), sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='dive_mmdet.DigitStringDataset', num_images=1000, pipeline=pack,
                 composer=dict(split='val', num_digits=3, side=side)))
test_dataloader = val_dataloader
val_evaluator = dict(type='Accuracy', topk=(1, 5))
test_evaluator = val_evaluator
preprocessor = dict(type='dive_mmdet.GreyOrColourPreprocessor', mean=[127.5] * 3, std=[127.5] * 3)
# Images of training digits on which the settings of a search are chosen.
tuning_dataset = dict(type='dive_mmdet.DigitStringDataset', num_images=1000, pipeline=pack,
                      composer=dict(split='train', seed=1, num_digits=3, side=side))
