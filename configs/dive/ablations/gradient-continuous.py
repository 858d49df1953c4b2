# The paper's inversion, continuous: projected only to answer; the objective of the shipped config.
_base_ = ['../dive_proposal_digit-scenes.py']

inversion_hook = dict(
    type='dive_mmdet.InversionHook',
    inverter=dict(type='dive_mmdet.GradientInverter', distance='continuous', loops=20, pairs_per_step=4, lr=1e-2),
    objective={{_base_.inversion_hook.objective}})
custom_hooks = [inversion_hook, {{_base_.prior_hook}}]
model = dict(hooks=custom_hooks)
