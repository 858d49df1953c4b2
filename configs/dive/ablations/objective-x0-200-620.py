# Errors of x0 at t = 200 to 620; energies beside it grow as what true layouts of `calib` explain does.
_base_ = ['../dive_digit-scenes.py']

scale = 2.9
model = dict(
    inverter=dict(object_cost=scale * _base_.model.inverter.object_cost,
                  classes=dict(reach=scale * _base_.model.inverter.classes.reach)),
    objective=dict(space='sample'),
    prior_weight=scale * _base_.model.prior_weight)
