# Errors of v at t = 200 to 900; energies beside it grow as what true layouts of `calib` explain does.
_base_ = ['../dive_proposal_digit-scenes.py']

scale = 5.6
model = dict(
    inverter=dict(min_gain=scale * _base_.model.inverter.min_gain, reach=scale * _base_.model.inverter.reach),
    objective=dict(space='v_prediction'),
    prior_weight=scale * _base_.model.prior_weight)
