# What the data sets of digits side by side have in common; each says what is composed.
pack = [dict(type='PackInputs', meta_keys=('img_id', 'sample_idx', 'ori_shape', 'img_shape'))]
train_dataloader = dict(
    batch_size=64, num_workers=0, persistent_workers=False, collate_fn=dict(type='default_collate'),
    sampler=dict(type='InfiniteSampler', shuffle=False),
    dataset=dict(type='dive_mmdet.DigitStringDataset', num_images=10_000_000, pipeline=pack))
val_dataloader = dict(
    batch_size=50, num_workers=0, persistent_workers=False, drop_last=False,
    collate_fn=dict(type='default_collate'), sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(pipeline=pack))
test_dataloader = val_dataloader
val_evaluator = dict(type='Accuracy', topk=(1, 5))
test_evaluator = val_evaluator
preprocessor = dict(type='dive_mmdet.GreyOrColourPreprocessor', mean=[127.5] * 3, std=[127.5] * 3)
# Images of training digits on which the settings of a search are chosen.
tuning_dataset = dict(type='dive_mmdet.DigitStringDataset', num_images=1000, pipeline=pack)
