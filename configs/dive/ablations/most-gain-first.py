# The next object is the one of the most gain, whatever its area.
_base_ = ['../dive_proposal_digit-scenes.py']

inversion_hook = dict(_base_.inversion_hook, inverter=dict(_base_.inversion_hook.inverter, area_exponent=0.0))
custom_hooks = [inversion_hook, {{_base_.prior_hook}}]
model = dict(hooks=custom_hooks)
