# Three real digits side by side: 1,000 classes, 000 to 999, composed when they are asked for. Validation strings are of
# validation digits alone.
_base_ = ['./digit_images.py']

num_classes = 1000
side = 16  # of the square that a digit fills
image_size = (side, 3 * side)  # height, width

composer = dict(split='train', seed=0, num_digits=3, side=side, max_rotation=10.0, max_shear=10.0, max_shift=0.8)
train_dataloader = dict(dataset=dict(composer=composer))
val_dataloader = dict(dataset=dict(type='dive_mmdet.DigitStringDataset', num_images=1000,
                                   composer=dict(split='val', num_digits=3, side=side)))
test_dataloader = val_dataloader
tuning_dataset = dict(composer=dict(split='train', seed=1, num_digits=3, side=side))
