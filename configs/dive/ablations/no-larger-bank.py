# The bank of 16 pairs that the search compares on has the last word too.
_base_ = ['../dive_proposal_digit-scenes.py']

inversion_hook = dict(_base_.inversion_hook, inverter=dict(_base_.inversion_hook.inverter, final_pairs=0))
custom_hooks = [inversion_hook, {{_base_.prior_hook}}]
model = dict(hooks=custom_hooks)
