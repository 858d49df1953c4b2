# p(image | digit) of 28 x 28 images, 2.1 million parameters: 16 patches.
_base_ = ['./dit_digits.py']

generator = dict(num_classes=10, denoiser=dict(sample_size=(28, 28), patch_size=7))
