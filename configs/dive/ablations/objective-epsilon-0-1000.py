# Errors of epsilon at t = 0 to 1000.
_base_ = ['../dive_proposal_digit-scenes.py']

inversion_hook = dict(
    type='dive_mmdet.InversionHook',
    inverter={{_base_.inversion_hook.inverter}},
    objective=dict(num_pairs=8, low=0, high=1000, space='epsilon'))
custom_hooks = [inversion_hook, {{_base_.prior_hook}}]
model = dict(hooks=custom_hooks)
