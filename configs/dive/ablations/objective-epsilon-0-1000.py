# Errors of epsilon at all timesteps alike, as published.
_base_ = ['../dive_proposal_digit-scenes.py']

inversion_hook = dict(_base_.inversion_hook, objective=dict(num_pairs=16, low=0, high=1000, space='epsilon'))
custom_hooks = [inversion_hook, {{_base_.prior_hook}}]
model = dict(hooks=custom_hooks)
