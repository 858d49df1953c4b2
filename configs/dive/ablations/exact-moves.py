# All single moves of a box are compared, whatever the gradient says.
_base_ = ['../dive_proposal_digit-scenes.py']

model = dict(inverter=dict(guided=False))
