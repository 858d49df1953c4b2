# The atlas alone chooses the boxes that are refined.
_base_ = ['../dive_proposal_digit-scenes.py']

inversion_hook = dict(_base_.inversion_hook, inverter=dict(_base_.inversion_hook.inverter, candidates=3))
custom_hooks = [inversion_hook, {{_base_.prior_hook}}]
model = dict(hooks=custom_hooks)
