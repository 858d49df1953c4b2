# The next object is the one of the most gain, whatever its area.
_base_ = ['../dive_proposal_digit-scenes.py']

model = dict(inverter=dict(area_exponent=0.0))
