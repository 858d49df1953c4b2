# The paper's inversion on the shipped objective: l2 projection, in four times as many loops.
_base_ = ['../dive_proposal_digit-scenes.py']

inversion_hook = dict(_base_.inversion_hook, inverter=dict(
    type='dive_mmdet.GradientInverter', distance='l2', loops=80, pairs_per_step=4, lr=0.3))
custom_hooks = [inversion_hook, {{_base_.prior_hook}}]
model = dict(hooks=custom_hooks)
