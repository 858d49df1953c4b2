# p(image | string) of 16 x 48 images, 2.2 million parameters: 12 patches, and a row for each of the 1,000 strings,
# which share nothing but the network.
_base_ = ['./dit_digits.py']

generator = dict(num_classes=1000, denoiser=dict(sample_size=(16, 48), patch_size=8))
