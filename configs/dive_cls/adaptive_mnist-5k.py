# Diffusion Classifier on MNIST-5k in stages: fewer and fewer classes on more and more pairs.
_base_ = ['./dive_mnist-5k.py']

inversion_hook = dict(
    type='dive_mmdet.InversionHook',
    inverter=dict(type='dive_mmdet.AdaptiveEnumeration', pairs=[2, 4, 16], keep=[5, 3, 1]),
    objective={{_base_.objective}})
custom_hooks = [inversion_hook]
model = dict(hooks=custom_hooks)
