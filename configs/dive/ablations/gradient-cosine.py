# The paper's inversion on the shipped objective: cosine projection.
_base_ = ['../dive_proposal_digit-scenes.py']

inversion_hook = dict(_base_.inversion_hook, inverter=dict(
    type='dive_mmdet.GradientInverter', distance='cosine', loops=20, pairs_per_step=4, lr=0.3))
custom_hooks = [inversion_hook, {{_base_.prior_hook}}]
model = dict(hooks=custom_hooks)
