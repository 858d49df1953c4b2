# A bank of 4 pairs instead of 8.
_base_ = ['../dive_proposal_digit-scenes.py']

inversion_hook = dict(
    type='dive_mmdet.InversionHook',
    inverter={{_base_.inversion_hook.inverter}},
    objective=dict(num_pairs=4, low=200, high=900, space='epsilon'))
custom_hooks = [inversion_hook, {{_base_.prior_hook}}]
model = dict(hooks=custom_hooks)
