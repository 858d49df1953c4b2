# A bank of 8 pairs instead of 16.
_base_ = ['../dive_proposal_digit-scenes.py']

inversion_hook = dict(
    _base_.inversion_hook, objective=dict(_base_.inversion_hook.objective, num_pairs=8))
custom_hooks = [inversion_hook, {{_base_.prior_hook}}]
model = dict(hooks=custom_hooks)
