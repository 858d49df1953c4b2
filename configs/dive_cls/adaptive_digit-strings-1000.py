# Diffusion Classifier on the 1,000 digit strings in stages: fewer and fewer classes on more and more pairs.
_base_ = ['./dive_digit-strings-1000.py']

inversion_hook = dict(
    type='dive_mmdet.InversionHook',
    inverter=dict(type='dive_mmdet.AdaptiveEnumeration', pairs=[2, 4, 8], keep=[50, 10, 3]),
    objective={{_base_.objective}})
custom_hooks = [inversion_hook]
model = dict(hooks=custom_hooks)
