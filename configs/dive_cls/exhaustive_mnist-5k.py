# Diffusion Classifier on MNIST-5k: the energies of all classes on the whole bank.
_base_ = ['./dive_mnist-5k.py']

inversion_hook = dict(
    type='dive_mmdet.InversionHook',
    inverter=dict(type='dive_mmdet.ExhaustiveEnumeration'),
    objective={{_base_.objective}})
custom_hooks = [inversion_hook]
model = dict(hooks=custom_hooks)
