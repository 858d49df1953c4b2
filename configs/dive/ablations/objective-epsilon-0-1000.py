# Errors of epsilon at all timesteps alike, as published; energies beside it grow as what true layouts of `calib`
# explain does.
_base_ = ['../dive_digit-scenes.py']

scale = 0.64
model = dict(
    inverter=dict(object_cost=scale * _base_.model.inverter.object_cost,
                  classes=dict(reach=scale * _base_.model.inverter.classes.reach)),
    objective=dict(low=0, high=1000),
    prior_weight=scale * _base_.model.prior_weight)
