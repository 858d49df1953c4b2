# Diffusion Classifier on the 1,000 digit strings: the energies of all classes on the whole bank.
_base_ = ['./dive_digit-strings-1000.py']

inversion_hook = dict(
    type='dive_mmdet.InversionHook',
    inverter=dict(type='dive_mmdet.ExhaustiveEnumeration'),
    objective={{_base_.objective}})
custom_hooks = [inversion_hook]
model = dict(hooks=custom_hooks)
test_dataloader = dict(batch_size=4)  # an image takes long, and finished ones are on disk
