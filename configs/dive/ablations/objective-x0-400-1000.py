# Errors of x0 at t = 400 to 1000; energies beside it grow as what true layouts of `calib` explain does.
_base_ = ['../dive_proposal_digit-scenes.py']

scale = 4.7
inversion_hook = dict(
    _base_.inversion_hook,
    inverter=dict(_base_.inversion_hook.inverter, min_gain=scale * _base_.inversion_hook.inverter.min_gain,
                  reach=scale * _base_.inversion_hook.inverter.reach),
    objective=dict(num_pairs=16, low=400, high=1000, space='sample'))
prior_hook = dict(_base_.prior_hook, weight=scale * _base_.prior_hook.weight)
custom_hooks = [inversion_hook, prior_hook]
model = dict(hooks=custom_hooks)
