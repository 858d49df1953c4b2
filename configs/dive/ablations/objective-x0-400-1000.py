# Errors of x0 at t = 400 to 1000; energies beside it grow as what true layouts of `tune` explain does.
_base_ = ['../dive_digit-scenes.py']

scale = 1.8
model = dict(
    inverter=dict(object_cost=scale * _base_.model.inverter.object_cost,
                  classes=dict(reach=scale * _base_.model.inverter.classes.reach)),
    objective=dict(low=400, high=1000, space='sample'),
    prior_weight=scale * _base_.model.prior_weight)
