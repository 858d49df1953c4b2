# The atlas alone chooses the boxes that are refined.
_base_ = ['../dive_proposal_digit-scenes.py']

model = dict(inverter=dict(candidates=3))
