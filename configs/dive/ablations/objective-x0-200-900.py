# Errors of x0 at t = 200 to 900; what an object must be worth grows with the mean weight over t.
_base_ = ['../dive_proposal_digit-scenes.py']

inversion_hook = dict(
    _base_.inversion_hook,
    inverter=dict(_base_.inversion_hook.inverter, min_gain=125 * _base_.inversion_hook.inverter.min_gain,
                  reach=125 * _base_.inversion_hook.inverter.reach),
    objective=dict(num_pairs=16, low=200, high=900, space='sample'))
custom_hooks = [inversion_hook, {{_base_.prior_hook}}]
model = dict(hooks=custom_hooks)
